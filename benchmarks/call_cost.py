"""What a request pays for a `track()`, and how long a flush stalls the hub meanwhile.

    python benchmarks/call_cost.py [--events 100000] [--flush-at 100]

A greenlet tracks in bursts of 100 and lets the others run after each, as requests do, while the flusher delivers over
HTTP to a sink in a process of its own. The sink only counts: a Segment that checks would compete for the same cores.
Times are of this machine; compare figures of one run only.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from array import array
from statistics import median, quantiles
from time import perf_counter_ns

import gevent
from gevent.pywsgi import WSGIServer

import segment_gevent as segment
from segment_gevent.cli.shop import HubGauge

BURST = 100
PROPERTIES = {
    "order_id": "50314b8e9bcf000000000000",
    "affiliation": "Google Store",
    "total": 27.5,
    "currency": "EUR",
    "coupon": "hasbros",
    "products": [
        {"product_id": "507f1f77bcf86cd799439011", "sku": "45790-32", "price": 19, "quantity": 1},
        {"product_id": "505bd76785ebb509fc183733", "sku": "46493-32", "price": 3, "quantity": 2},
    ],
}
"""An order of 340 bytes or so of JSON."""


def sink(listener: socket.socket) -> int:
    """Start a process that answers 200 to every request; returns its pid."""
    pid = os.fork()
    if pid:
        return pid

    def answer(environ, start_response):  # type: ignore[no-untyped-def]
        environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"success":true}']

    gevent.reinit()
    WSGIServer(gevent.socket.socket(fileno=listener.detach()), answer, log=None).serve_forever()
    os._exit(0)


def measure(events: int) -> tuple[array[int], float]:
    """Nanoseconds of each call, and the longest stall of the hub in nanoseconds."""
    calls = array("q")
    gauge = HubGauge()
    gauge.start()
    for number in range(events):
        began = perf_counter_ns()
        segment.track("session-17", "user-4711", "Order Completed", PROPERTIES)
        calls.append(perf_counter_ns() - began)
        if number % BURST == BURST - 1:
            gevent.sleep(0.001)
    segment.flush()
    gauge.stop()
    return calls, gauge.longest_ns


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--flush-at", type=int, default=100)
    arguments = parser.parse_args()

    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    child = sink(listener)
    try:
        port = listener.getsockname()[1]
        listener.close()
        segment.initialize("key", host=f"http://127.0.0.1:{port}", flush_at=arguments.flush_at, proxies={})
        segment.warm_up()
        measure(min(arguments.events, 2_000))  # the first calls fill caches
        before = segment.stats
        calls, stall_ns = measure(arguments.events)
        stats = segment.stats
        batches = stats.batches - before.batches
        print(f"{arguments.events:,} events in {batches:,} batches, lost {stats.submitted - stats.delivered:,}")
        print(f"a call took {median(calls) / 1e3:.2f} µs (median), {quantiles(calls, n=100)[-1] / 1e3:.2f} µs (p99)")
        print(f"longest stall of the hub {stall_ns / 1e6:.1f} ms")
        return 0 if stats.delivered == stats.submitted else 1
    finally:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


if __name__ == "__main__":
    sys.exit(main())
