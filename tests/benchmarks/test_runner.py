"""A run is two processes, and what one says that it sent, the other counts."""

from __future__ import annotations

import pytest

from benchmarks.plan import FLOOR, GZIP, OURS, PLAIN, Case
from benchmarks.runner import run, run_once
from benchmarks.servers import server


@pytest.mark.parametrize("setting", [PLAIN, GZIP], ids=["plain", "gzip"])
@pytest.mark.parametrize("library", [OURS, FLOOR])
def test_every_event_is_counted_by_the_sink(library: str, setting) -> None:
    """None is lost between a subject and the sink, and none is counted twice."""
    figures = run_once(Case("plain", "", "end_to_end", {"events": 1000}, setting), library)
    assert figures["lost"] == 0
    assert figures["cpu_us"] > 0


def test_libraries_take_turns() -> None:
    """Each round has every library once, and each gives its figures."""
    case = Case("calls", "", "calls", {"events": 300, "burst": 100}, libraries=(OURS, FLOOR), rounds=2)
    results = run([case])
    assert {library: len(results.values("calls", library, "median_us")) for library in case.libraries} == {
        OURS: 2,
        FLOOR: 2,
    }


@pytest.mark.parametrize("kind", ["silent", "refused"])
def test_what_waits_is_measured_without_a_server(kind: str) -> None:
    """A server that refuses or is silent keeps messages waiting."""
    figures = run_once(Case("memory", "", "memory", {"events": 2000}, server=kind), OURS)
    assert 0 < figures["bytes"] < 10_000


def test_a_sink_that_is_left_has_ended() -> None:
    """Its counts are there after the context, and nothing was sent."""
    with server("live") as made:
        assert made.url.startswith("http://127.0.0.1:")
    assert made.counts.events == 0
