"""The intake under load, beside an open stream: all arrives, the reader comes along, and memory has its bound."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from servers.program import ROOT


def intake(*options: object) -> dict[str, Any]:
    """The figures of `python -m benchmarks.intake`, which fails where an event is lost or the reader misses one."""
    command = [sys.executable, "-m", "benchmarks.intake", "--json", *map(str, options)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def test_under_load_all_arrives_and_memory_stays() -> None:
    """The reader of the stream sees the last event; of 130 MB of events that came the server keeps what it is to keep.

    Looked at first after a third, since some grows at first: two thirds more, all kept, were 200 MB.
    """
    figures = intake("--events", 30_000, "--size", 4_000, "--keep", 2_000, "--full", 10_000)
    assert figures["frames"] > 1
    assert figures["end_mb"] - figures["full_mb"] < 70, figures


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--plan",), ("--db",)], ids=["in memory", "with a plan", "in a file"])
def test_a_full_store_stays_as_large_as_it_is(more: tuple[str, ...], record_property: Any) -> None:
    """With the bound of a server as it is started, three times over."""
    figures = intake("--events", 600_000, "--full", 300_000, *more)
    record_property("said", figures)
    assert figures["end_mb"] - figures["full_mb"] < 60, figures
