"""The demo's application, in a process of its own: a gevent WSGI server whose requests identify and track.

`python -m segment_gevent.cli.shop` prints its address, one line, once it is ready, and ends with its standard input.
The write key and the host come as SEGMENT_WRITE_KEY and SEGMENT_HOST. It is an ordinary application of the public API,
with two gauges beside: how long each call takes, and how long the hub does not turn.

    GET /visit/17    one visitor's request: an identify and a track
    GET /result      waits until everything is delivered; the gauges and the client's counts, as JSON
"""

from __future__ import annotations

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()  # the first line of a gevent server, before anything imports ssl

import signal
import sys
from array import array
from collections.abc import Callable, Iterable
from statistics import median, quantiles
from time import perf_counter_ns
from typing import Any

import gevent
import orjson
from gevent.event import Event
from gevent.pywsgi import WSGIServer

import segment_gevent as segment
from segment_gevent.debugger.server import stop_at_end_of

_PLANS = ("Free", "Pro", "Team")
_GOODS = (("Espresso Cup", 11.5), ("Kettle", 49.0), ("Filter Papers", 3.9), ("Grinder", 129.0))
_USERS = 500


class HubGauge:
    """The longest time that the hub did not come round: a timer that should fire every millisecond tells."""

    PERIOD = 0.001

    def __init__(self) -> None:
        self.longest_ns = 0
        self._last_ns = 0
        self._timer = gevent.get_hub().loop.timer(self.PERIOD, self.PERIOD, ref=False)

    def start(self) -> None:
        """Begin to watch; once is enough."""
        if not self._last_ns:
            self._last_ns = perf_counter_ns()
            self._timer.start(self._tick)

    def stop(self) -> None:
        """Watch no longer."""
        self._timer.stop()

    def _tick(self) -> None:
        now_ns = perf_counter_ns()
        self.longest_ns = max(self.longest_ns, now_ns - self._last_ns - int(self.PERIOD * 1e9))
        self._last_ns = now_ns


class Shop:
    """The WSGI application."""

    def __init__(self) -> None:
        self.hub_gauge = HubGauge()
        self.call_ns = array("q")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/result":
            start_response("200 OK", [("Content-Type", "application/json")])
            return [orjson.dumps(self.result())]
        self.hub_gauge.start()
        self.visit(int(path.rpartition("/")[2]))
        start_response("204 No Content", [])
        return []

    def visit(self, number: int) -> None:
        """What a request does: say who the visitor is, and what they did. Times both calls."""
        visitor, user = f"visitor-{number}", f"user-{number % _USERS}@shop.example"
        goods, price = _GOODS[number % len(_GOODS)]
        began = perf_counter_ns()
        segment.identify(visitor, user, {"plan": _PLANS[number % len(_PLANS)], "visits": number // _USERS + 1})
        between = perf_counter_ns()
        segment.track(visitor, user, "Product Bought", {"product": goods, "price": price, "quantity": number % 3 + 1})
        self.call_ns.append(between - began)
        self.call_ns.append(perf_counter_ns() - between)

    def result(self) -> dict[str, object]:
        """Wait for delivery, then what was measured; times in nanoseconds."""
        self.hub_gauge.stop()
        delivered_all = segment.flush()
        stats = segment.stats
        calls = self.call_ns or array("q", [0])
        return {
            "delivered_all": delivered_all,
            "calls": len(self.call_ns),
            "call_median_ns": median(calls),
            "call_99th_ns": quantiles(calls, n=100)[-1] if len(calls) > 1 else calls[0],
            "stall_ns": self.hub_gauge.longest_ns,
            "delivered": stats.delivered,
            "failed": stats.failed,
            "dropped": stats.dropped,
            "batches": stats.batches,
            "retries": stats.retries,
            "bytes_sent": stats.bytes_sent,
        }


def main() -> int:
    """Serve until standard input ends or SIGTERM comes; Ctrl-C is for the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    segment.initialize(shutdown_timeout=1)
    stopped = Event()
    gevent.signal_handler(signal.SIGTERM, stopped.set)
    stop_at_end_of(sys.stdin.fileno(), stopped.set)
    server = WSGIServer(("127.0.0.1", 0), Shop(), log=None, environ={"SERVER_NAME": "127.0.0.1"}, backlog=1024)
    server.start()
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    stopped.wait()
    server.stop(timeout=0)
    segment.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
