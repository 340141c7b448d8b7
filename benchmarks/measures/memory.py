"""What a waiting message holds, while the server does not answer."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import gevent

from benchmarks import event
from benchmarks.measures.subject import WARM_UP, Figures, Subject

_PAGE = os.sysconf("SC_PAGESIZE")
SETTLED = 0.3
"""Seconds after which a library has imported, connected, and waits for an answer."""


def measure(subject: Subject, events: int) -> Figures:
    """The process's resident memory and the garbage collector's objects, before and after so many events."""
    library = subject.start()
    track = library.track
    for number in range(WARM_UP):
        track(*event.make(number))
    gevent.sleep(SETTLED)
    memory, objects = resident(), len(gc.get_objects())
    for number in range(events):
        track(*event.make(number))
        if number % 1000 == 999:
            gevent.sleep(0)
    gevent.sleep(SETTLED)
    return {
        "bytes": (resident() - memory) / events,
        "objects": max(0.0, round((len(gc.get_objects()) - objects) / events, 2)),
    }


def resident() -> int:
    """Bytes of memory in use, after a collection."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
