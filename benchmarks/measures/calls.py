"""What the caller pays: the time of each call, while batches are on their way."""

from __future__ import annotations

from array import array
from statistics import median, quantiles
from time import perf_counter_ns

import gevent

from benchmarks import event
from benchmarks.measures.subject import Figures, Subject


def measure(subject: Subject, events: int, burst: int) -> Figures:
    """Calls in bursts of so many; after each the other greenlets and the network get their turn."""
    library = subject.start_warm()
    track = library.track
    calls = array("q")
    for number in range(events):
        session, user, properties = event.make(number)
        began = perf_counter_ns()
        track(session, user, properties)
        calls.append(perf_counter_ns() - began)
        if number % burst == burst - 1:
            gevent.sleep(0.001)
    library.flush()
    return {"median_us": median(calls) / 1e3, "p99_us": quantiles(calls, n=100, method="inclusive")[-1] / 1e3}
