"""The small figures that the pages and comments quote: what one step, one option or one value costs, in one process.

    python -m benchmarks.details

Writes benchmarks/details.md, in a minute. Each figure is the median of five runs; for what few runs show, the range.
Beside other libraries, and end to end, `python -m benchmarks` measures.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import gevent
import orjson

import segment_gevent as segment
from benchmarks import event
from benchmarks.servers import SINK_CORE, SUBJECT_CORE, pin, server
from segment_gevent.cli.demo.gauges import HubGauge
from segment_gevent.context import current
from segment_gevent.contrib.wsgi import SegmentMiddleware
from segment_gevent.delivery.oauth.client_key import ClientKey
from segment_gevent.events.encoding import encode
from segment_gevent.testing import RecordingTransport

HERE = Path(__file__).parent
RUNS, CALLS = 5, 20_000
TEN = {f"field_{number}": f"value {number}" for number in range(10)}
REQUEST = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/cart/42",
    "QUERY_STRING": "utm_source=news&utm_campaign=autumn&x=1",
    "HTTP_HOST": "shop.example.org",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "HTTP_REFERER": "https://search.example.com/?q=shoes",
    "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.8",
    "HTTP_COOKIE": "theme=dark; ajs_anonymous_id=%2250314b8e-9bcf%22; session=abc",
    "REMOTE_ADDR": "203.0.113.9",
    "wsgi.url_scheme": "https",
}

# pywsgi sends head and body apart: Nagle's algorithm would hold back each body for 40 ms.
SLOW_SERVER = """
import gevent
from gevent.pywsgi import WSGIHandler, WSGIServer

class Handler(WSGIHandler):
    def __init__(self, sock, *rest):
        sock.setsockopt(6, 1, 1)
        super().__init__(sock, *rest)

def app(environ, start):
    environ["wsgi.input"].read()
    gevent.sleep({seconds})
    start("200 OK", [("Content-Type", "application/json")])
    return [b"{{}}"]

server = WSGIServer(("127.0.0.1", 0), app, log=None, handler_class=Handler)
server.start()
print(server.server_port, flush=True)
server.serve_forever()
"""

Row = tuple[str, str]


def microseconds(statement: str, **names: object) -> str:
    """What a statement takes, in which the names stand for the values."""
    return text(statistics.median(timeit.repeat(statement, globals=names, number=CALLS, repeat=RUNS)) / CALLS * 1e6)


def text(amount: float) -> str:
    return f"{amount:.2g} µs" if amount < 100 else f"{amount:,.0f} µs"


def ranged(measure: Callable[[], float], runs: int = RUNS) -> str:
    """Milliseconds, the least and the most of some runs of what returns seconds."""
    found = sorted(measure() * 1000 for _ in range(runs))
    return f"{found[0]:.2g} to {found[-1]:.2g} ms" if found[0] < 10 else f"{found[0]:.0f} to {found[-1]:.0f} ms"


def once(call: Callable[..., object], *arguments: object) -> float:
    """Seconds."""
    began = perf_counter()
    call(*arguments)
    return perf_counter() - began


class Taking(RecordingTransport):
    """Answers at once and remembers nothing."""

    def send(self, body: bytes, headers: Any) -> Any:
        answer = super().send(body, headers)
        self.sent.clear()
        return answer


def of_a_call(properties: dict[str, Any] | None = None, context: dict[str, Any] | None = None, **options: Any) -> float:
    """The median call of bursts of 100, between which what waits is sent."""
    client = segment.Client("write-key", transport=Taking(), flush_at=100, max_queue_size=100_000, **options)
    taken = []
    for number in range(CALLS):
        made = event.make(number)
        given = made.properties if properties is None else {**made.properties, **properties}
        began = perf_counter()
        client.track(made.session, made.user, event.NAME, given, context=context)
        taken.append(perf_counter() - began)
        if number % 100 == 0:
            gevent.sleep(0)
    client.shutdown()
    return statistics.median(taken) * 1e6


def calls() -> list[Row]:
    base = of_a_call()
    rows = [("a call", text(base))]

    def more(what: str, amount: float) -> None:
        rows.append((what, f"{amount - base:+.1f} µs"))

    more("… with a `Decimal` in its properties", of_a_call({"price": Decimal("9.90")}))
    more("… with an aware `datetime`", of_a_call({"at": datetime(2026, 11, 24, tzinfo=timezone.utc)}))
    more("… with a `set` of three", of_a_call({"tags": {"a", "b", "c"}}))
    more("… with a context of 10 fields of its own", of_a_call(context=TEN))
    with segment.bound_context(**TEN):
        more("… under `bound_context` with the same 10 fields", of_a_call())
    more("… with `default_context`", of_a_call(default_context={"app": {"name": "shop"}}))
    more("… with a `before_send` that returns its message", of_a_call(before_send=lambda m: m))
    return rows


def of_steps() -> list[Row]:
    fields = {"type": "track", "event": event.NAME, "properties": event.make(1).properties}
    app = SegmentMiddleware(lambda _environ, _start: [b""])
    return [
        ("encoding a typical message, values looked at", microseconds("encode(fields)", encode=encode, fields=fields)),
        ("… orjson's part", microseconds("dumps(fields)", dumps=orjson.dumps, fields=fields)),
        ("… what the standard library's json takes", microseconds("dumps(fields)", dumps=json.dumps, fields=fields)),
        ("`uuid4`, as text", microseconds("str(uuid4())", uuid4=uuid4)),
        ("`os.getpid()`", microseconds("getpid()", getpid=os.getpid)),
        ("reading the binding of a greenlet, none there", microseconds("current()", current=current)),
        ("a `gevent.Timeout` around an attempt", microseconds("with Timeout(15): pass", Timeout=gevent.Timeout)),
        ("a request through `SegmentMiddleware`", microseconds("app(environ, None)", app=app, environ=REQUEST)),
    ]


def waking() -> float:
    """From a native thread's `send` to the callback in the main thread's hub, at rest."""
    hub, began, taken = gevent.get_hub(), [0.0], [0.0]
    done = gevent.event.Event()
    watcher = hub.loop.async_()

    def woken() -> None:
        taken[0] = perf_counter() - began[0]
        done.set()

    watcher.start(woken)

    def wake() -> None:
        began[0] = perf_counter()
        watcher.send()

    timer = threading.Timer(0.02, wake)
    timer.start()
    done.wait()
    watcher.stop()
    watcher.close()
    return taken[0]


def in_new_process(statement: str, setup: str = "import gevent, gevent.threadpool") -> float:
    """Seconds that a statement takes in a process of its own."""
    program = f"{setup}\nfrom time import perf_counter as now\nbegan = now()\n{statement}\nprint(now() - began)"
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


def key_of(bits: int) -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key = rsa.generate_private_key(65_537, bits)
    return key.private_bytes(pem, pkcs8, serialization.NoEncryption()).decode()


def oauth() -> list[Row]:
    rows = []
    for bits in (2048, 4096):
        pem = key_of(bits)
        key = ClientKey(pem)
        key.load()
        sign = partial(key.assertion, client_id="c", key_id="k", audience="https://a", jti="j", now=1.8e9)
        rows.append((f"parsing and checking an OAuth key of {bits:,} bits", ranged(partial(once, ClientKey, pem))))
        rows.append((f"signing a token request with it, {bits:,} bits", ranged(partial(once, sign))))
    return rows


def of_stalls() -> list[Row]:
    """What the hub is kept from turning for, by what an unpatched process does."""
    importing = partial(in_new_process, "import segment_gevent.delivery.http.session")
    rows = [
        ("waking a hub at rest from a native thread", ranged(waking, 20)),
        ("importing requests, urllib3 and ssl", ranged(importing)),
        ("… and the rest of `warm_up()`, for HTTPS", ranged(warming)),
    ]
    with slow_server(0.5) as url:
        rows.append(("a server that takes 0.5 s: stall by requests, unpatched", stalled(partial(post, url))))
        client = segment.Client("write-key", host=url, flush_at=1)
        client.warm_up()

        def sent() -> None:
            client.track("session", "user", "Played")
            client.flush()

        rows.append(("… by this library, unpatched", stalled(sent)))
        client.shutdown()
    return rows


def post(url: str) -> None:
    import requests

    requests.post(url, b"", timeout=10)


def warming() -> float:
    return in_new_process(
        "client.warm_up()",
        "import gevent, segment_gevent, segment_gevent.delivery.http.session\nclient = segment_gevent.Client('key')",
    )


def stalled(call: Callable[[], object]) -> str:
    gauge = HubGauge()
    gauge.start()
    gevent.sleep(0.005)
    gevent.spawn(call).get()
    gevent.sleep(0.005)
    gauge.stop()
    return f"{gauge.longest_ns / 1e6:.2g} ms" if gauge.longest_ns < 1e8 else f"{gauge.longest_ns / 1e6:.0f} ms"


@contextmanager
def slow_server(seconds: float) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_SERVER.format(seconds=seconds)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: pin(SINK_CORE),
    )
    try:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def of_a_request() -> list[Row]:
    """What a batch costs on a connection that was kept alive, beyond its messages."""
    with server("live") as sink:
        client = segment.Client("write-key", host=sink.url, flush_at=1)

        def sent() -> None:
            client.track("session", "user", "Played")
            client.flush()

        for _ in range(100):
            sent()
        began, calls = os.times(), 2_000
        for _ in range(calls):
            sent()
        ended = os.times()
        client.shutdown()
    seconds = ended.user + ended.system - began.user - began.system
    return [("a message alone: call, batch, request, answer, `flush`; CPU", f"{seconds / calls * 1e6:.0f} µs")]


def in_flight() -> list[Row]:
    """What the time of a server's answer leaves, with several batches on their way."""
    rows = []
    with slow_server(0.05) as url:
        for batches in (1, 2, 4, 8):
            client = segment.Client(
                "write-key", host=url, max_in_flight=batches, max_queue_size=1_000_000, flush_at=100
            )
            client.track("session", "user", "Played")
            client.flush()
            began = perf_counter()
            for number in range(events := 40_000 + 20_000 * batches):
                client.track(*(made := event.make(number))[:2], event.NAME, made.properties)
                if number % 100 == 0:
                    gevent.sleep(0)
            client.flush()
            rate = events / (perf_counter() - began)
            client.shutdown()
            rows.append(
                (f"events a second, `max_in_flight={batches}`, a server that takes 50 ms", f"{round(rate, -3):,.0f}")
            )
    return rows


def main() -> None:
    pin(SUBJECT_CORE)
    rows = [*calls(), *of_steps(), *of_a_request(), *in_flight(), *of_stalls(), *oauth()]
    machine = f"{platform.python_implementation()} {platform.python_version()}, gevent {gevent.__version__}"
    table = "\n".join(f"| {what} | {figure} |" for what, figure in rows)
    page = (
        "# Details\n\n"
        f"Made by `python -m benchmarks.details` on {datetime.now():%-d %B %Y}: segment-gevent {segment.__version__}, "
        f"{machine}, one core\nof the machine that [results.md](results.md) names.\n\n"
        f"| what | |\n| --- | --- |\n{table}\n"
    )
    (HERE / "details.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
