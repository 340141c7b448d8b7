"""What the spool costs: a call in each mode of `durable`, and the hub's longest stall meanwhile.

    python benchmarks/spool_cost.py [--events 20000] [--spool-dir DIR]

A greenlet tracks in bursts of 20 and lets the others run after each; with `sync` 40 greenlets call at once, as requests
do, and once one alone. Batches are taken at once, or, where it says "silent", never answered, so that every message
goes to disk. The spool's directory is to be on the disk in question: a memory file system says nothing of an fsync.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event
from gevent.pool import Pool

import segment_gevent as segment
from segment_gevent.cli.demo.gauges import HubGauge
from segment_gevent.testing import RecordingTransport

if TYPE_CHECKING:
    import requests

BURST = 20
PROPERTIES = {"order_id": "50314b8e9bcf000000000000", "total": 27.5, "currency": "EUR", "text": "x" * 200}


class Taking(RecordingTransport):
    """Answers at once and remembers nothing."""

    def send(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        answer = super().send(body, headers)
        self.sent.clear()
        return answer


class Silent(Taking):
    """Never answers."""

    def send(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:  # noqa: ARG002
        Event().wait()
        raise AssertionError("nobody sets it")


def measure(name: str, events: int, *, at_once: int = 0, transport: type[Taking] = Taking, **options: Any) -> None:
    client = segment.Client("write-key", transport=transport(), max_queue_size=100_000, **options)
    gauge = HubGauge()

    def call(number: int) -> None:
        client.track("session", "user", "Product Bought", {**PROPERTIES, "n": number})

    pool = Pool(at_once or 1)
    began, in_calls = perf_counter(), 0.0
    gauge.start()
    for number in range(events):
        if at_once:
            pool.spawn(call, number)
        else:
            before = perf_counter()
            call(number)
            in_calls += perf_counter() - before
            if number % BURST == 0:
                gevent.sleep(0)
    pool.join()
    seconds = perf_counter() - began
    gauge.stop()
    client.shutdown(0 if transport is Silent else None)
    each = f"{in_calls / events * 1e6:8.1f} µs a call" if not at_once else f"{at_once:3} at once       "
    shutil.rmtree(str(options.get("spool_dir")), ignore_errors=True)
    print(f"{name:24} {each}  {events / seconds:9,.0f} a second  stall {gauge.longest_ns / 1e6:6.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--spool-dir", default=tempfile.gettempdir())
    arguments = parser.parse_args()
    measure("warming up", arguments.events)  # imports, caches: the first measure would pay for them
    with tempfile.TemporaryDirectory(dir=arguments.spool_dir) as folder:
        spool = os.path.join(folder, "spool")
        measure("no spool", arguments.events)
        measure("spool_dir", arguments.events, spool_dir=spool)
        measure("durable=True", arguments.events, spool_dir=spool, durable=True)
        measure("durable=True, silent", arguments.events, spool_dir=spool, durable=True, transport=Silent)
        measure('durable="sync"', arguments.events, at_once=40, spool_dir=spool, durable="sync")
        measure('durable="sync"', arguments.events // 20, at_once=1, spool_dir=spool, durable="sync")


if __name__ == "__main__":
    main()
