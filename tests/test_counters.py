"""The counts: exact from every native thread, and in balance at every read."""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Iterator

import pytest

from segment_gevent.counters import Counters, Stats

THREADS = 8
TIMES = 5_000


@pytest.fixture
def _many_thread_switches() -> Iterator[None]:
    """The interpreter changes threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def snapshot(counters: Counters) -> Stats:
    return counters.snapshot(oldest_age=0.0, flusher_alive=False)


@pytest.mark.usefixtures("_many_thread_switches")
def test_counts_from_native_threads_lose_nothing() -> None:
    """Eight threads call, are refused and settle at once, without a lock; each read meanwhile is in balance."""
    counters = Counters()
    sizes = [b"four"] * 3

    def count() -> None:
        for _ in range(TIMES):
            counters.count_call("tracks")
            counters.count_call("pages")
            counters.count_call("pages")
            counters.drop("queue_full")
            counters.settle(delivered=1)
            counters.settle(failed=1)
            counters.count_sent(sum(map(len, sizes)), 200)

    threads = [threading.Thread(target=count) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        stats = snapshot(counters)
        assert stats.submitted == stats.delivered + stats.failed + stats.dropped + stats.spooled + stats.pending
        assert 0 <= stats.pending <= stats.submitted
    for thread in threads:
        thread.join()
    stats = snapshot(counters)
    total = THREADS * TIMES
    assert (stats.tracks, stats.pages, stats.submitted) == (total, 2 * total, 3 * total)
    assert (stats.delivered, stats.failed, stats.dropped, stats.pending) == (total, total, total, 0)
    assert stats.bytes_sent == 12 * total


def test_a_snapshot_is_frozen() -> None:
    """What was read stays as it was, also the reasons."""
    counters = Counters()
    counters.count_call("tracks")
    stats = snapshot(counters)
    counters.count_call("tracks")
    counters.drop("closed")
    assert (stats.submitted, dict(stats.dropped_by_reason)) == (1, {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.submitted = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        stats.dropped_by_reason["closed"] = 3  # type: ignore[index]


def test_successful_is_delivered() -> None:
    """The early clients' name for the same number."""
    counters = Counters()
    counters.count_call("aliases")
    counters.settle(delivered=1)
    assert (snapshot(counters).delivered, snapshot(counters).successful) == (1, 1)
