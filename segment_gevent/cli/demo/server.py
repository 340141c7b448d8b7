"""The demo's shop, in a process of its own: a gevent WSGI server.

`python -m segment_gevent.cli.demo.server` prints its address, one line, once it is ready, and ends with its standard
input. The write key and the host come as SEGMENT_WRITE_KEY and SEGMENT_HOST. It is an ordinary application of the
public API, with two gauges beside, which these paths tell:

    GET /_/counts    the client's counts, as they are, and what it has said in the log since they were asked for last
    GET /_/result    waits until everything is delivered; the counts and the gauges, as JSON
"""

from __future__ import annotations

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()  # the first line of a gevent server, before anything imports ssl

import logging
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any

import gevent
import orjson
from gevent.event import Event
from gevent.pywsgi import WSGIServer

import segment_gevent as segment
from segment_gevent.cli.demo.gauges import CallGauge, HubGauge
from segment_gevent.cli.demo.shop import Shop
from segment_gevent.contrib.wsgi import SegmentMiddleware
from segment_gevent.debugger.server import stop_at_end_of

_COUNTS = ("submitted", "delivered", "pending", "batches", "retries", "bytes_sent")
_BY_TYPE = ("pages", "tracks", "identifies", "groups", "aliases")


class Log(logging.Handler):
    """What the client says in the log, kept for the demo's terminal, which a line from here would break into."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []
        logger = logging.getLogger("segment_gevent")
        logger.addHandler(self)
        logger.setLevel(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class Site:
    """The shop and, beside it, what the demo asks about it."""

    def __init__(self) -> None:
        self._hub_gauge = HubGauge()
        self._calls = CallGauge()
        self._log = Log()
        # The demo's visitors come, as the world's do, through a proxy that says whose request it is.
        self._shop = SegmentMiddleware(Shop(self._calls), trusted_proxies=1)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        tell = {"/_/counts": self.counts, "/_/result": self.result}.get(environ["PATH_INFO"])
        if tell is not None:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [orjson.dumps(tell())]
        self._hub_gauge.start()
        return self._shop(environ, start_response)

    def counts(self) -> dict[str, object]:
        """The client's `stats`, as far as the demo shows them, and its log."""
        stats = segment.stats
        said, self._log.lines = self._log.lines, []
        return {**{name: getattr(stats, name) for name in (*_COUNTS, *_BY_TYPE)}, "log": said}

    def result(self) -> dict[str, object]:
        """Wait for delivery, then what was measured; times in nanoseconds."""
        self._hub_gauge.stop()
        segment.flush()
        gauges = {"call_median_ns": self._calls.median_ns, "call_99th_ns": self._calls.late_ns}
        return {**self.counts(), **gauges, "calls": len(self._calls), "stall_ns": self._hub_gauge.longest_ns}


def main() -> int:
    """Serve until standard input ends or SIGTERM comes; Ctrl-C is for the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Who visits the shop when the others have left wants to see it on the page before ten more calls are made.
    segment.initialize(flush_after=1, shutdown_timeout=1)
    stopped = Event()
    gevent.signal_handler(signal.SIGTERM, stopped.set)
    stop_at_end_of(sys.stdin.fileno(), stopped.set)
    server = WSGIServer(("127.0.0.1", 0), Site(), log=None, environ={"SERVER_NAME": "127.0.0.1"}, backlog=1024)
    server.start()
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    stopped.wait()
    server.stop(timeout=0)
    segment.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
