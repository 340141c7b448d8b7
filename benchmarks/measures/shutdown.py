"""How long a process that wants to end is held up."""

from __future__ import annotations

import math
from time import perf_counter

import gevent

from benchmarks import event
from benchmarks.measures.subject import Figures, Subject

PATIENCE = 20.0


def measure(subject: Subject, events: int) -> Figures:
    """Seconds that closing takes with so many events waiting; infinite when it is not over after `PATIENCE`."""
    library = subject.start()
    library.track(*event.make(0))
    gevent.sleep(0.5)  # imported, connected, and perhaps refused
    for number in range(1, events):
        library.track(*event.make(number))
    began = perf_counter()
    closing = gevent.spawn(library.close)
    closing.join(PATIENCE)
    return {"s": perf_counter() - began if closing.successful() else math.inf}
