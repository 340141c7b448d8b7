"""An hour's load in minutes, with faults that come and go: at the end everything is as it was at the beginning.

SOAK_SECONDS says how long, 150 if it is not set.
"""

from __future__ import annotations

import gc
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import gevent
import pytest
from gevent.event import Event
from servers.local_segment import LocalSegment

from segment_gevent import Client

SECONDS = float(os.environ.get("SOAK_SECONDS", "150"))
RATE = 1_000
"""Messages a second: in 150 seconds what 40 a second are in an hour."""

PHASE = 3.0
SOON = 60.0
GROWTH = 24 << 20
"""Bytes that the process may have grown by: a queue was full once, and the allocator keeps what it had for it."""

FAULTS: dict[str, list[dict[str, object]]] = {
    "none": [],
    "busy": [{"status": 503}] * 20,
    "limited": [{"status": 429, "headers": {"Retry-After": "0.3"}}] * 3,
    "slow": [{"delay": 0.3}] * 10,
    "cut off before reading": [{"drop": "before"}] * 10,
    "cut off after reading": [{"drop": "after"}] * 5,
    "silent": [{"hold": True}] * 5,
    "refuses": [{"status": 403}],
    "mixed": [{"status": 500}, {"delay": 0.2}, {"drop": "before"}, {"status": 408}] * 5,
}


class Footprint(NamedTuple):
    """What a process holds."""

    files: int
    """File descriptors, sockets among them."""
    greenlets: int
    threads: int
    memory: int
    """Resident, in bytes."""

    @classmethod
    def now(cls) -> Footprint:
        gc.collect()
        alive = [each for each in gc.get_objects() if isinstance(each, gevent.Greenlet) and not each.dead]
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        files = len(os.listdir("/proc/self/fd"))
        return cls(files, len(alive), threading.active_count(), pages * os.sysconf("SC_PAGE_SIZE"))


def until(condition: Callable[[], object]) -> None:
    with gevent.Timeout(SOON, AssertionError("it never came to hold")):
        while not condition():
            gevent.sleep(0.01)


def load(client: Client, over: Event) -> None:
    """Track at the rate until it is over."""
    began, number = time.monotonic(), 0
    while not over.is_set():
        while number < (time.monotonic() - began) * RATE:
            client.track(user_id="soak", event="Counted", properties={"n": number, "text": "x" * (number % 400)})
            number += 1
        over.wait(0.01)


def run(server: LocalSegment, directory: Path, seconds: float, chance: random.Random) -> dict[str, int]:
    """Load for so long, a fault after the other; the last counts, which hold the invariant."""
    client = Client(
        "write-key",
        host=server.url,
        spool_dir=directory,
        durable=True,
        overflow="spool",
        max_queue_size=2_000,
        max_in_flight=2,
        max_retries=2,
        timeout=(1.0, 1.0),
        flush_after=0.2,
        log=False,
    )
    over = Event()
    loading = gevent.spawn(load, client, over)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        name = chance.choice([*FAULTS, "away"])
        if name == "away":
            server.kill()
        else:
            server.faults(FAULTS[name])
        loading.join(min(PHASE, left))
        if name == "away":
            server.start()
        server.reset()
        stats = client.stats
        known = stats.delivered + stats.failed + stats.dropped + stats.spooled + stats.pending
        assert stats.submitted == known, name
    over.set()
    loading.get()
    client.flush()
    until(lambda: client.look() or not (client.stats.spooled or client.stats.pending))
    client.shutdown()
    stats = client.stats
    assert os.listdir(directory) == []
    return {
        "submitted": stats.submitted,
        "delivered": stats.delivered,
        "failed": stats.failed,
        "dropped": stats.dropped,
    }


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 300)
def test_a_long_load_with_faults_leaves_nothing_behind(segment_server: LocalSegment, tmp_path: Path) -> None:
    """Memory, greenlets, threads, sockets and files end where they began, and every message has its fate."""
    chance = random.Random(7)
    run(segment_server, tmp_path / "spool", min(20.0, SECONDS / 5), chance)  # what is made once is made now
    before = Footprint.now()
    counts = run(segment_server, tmp_path / "spool", SECONDS, chance)
    until(lambda: all(now <= then for now, then in zip(Footprint.now()[:3], before[:3], strict=True)))
    after = Footprint.now()
    print(counts, before, after)
    assert counts["delivered"] + counts["failed"] == counts["submitted"]
    assert counts["dropped"] == 0
    assert counts["delivered"] > counts["failed"]
    assert after.files <= before.files
    assert after.greenlets <= before.greenlets
    assert after.threads <= before.threads
    assert after.memory - before.memory < GROWTH
