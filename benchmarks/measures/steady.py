"""What a server notices at a steady load: CPU, greenlets that hold the hub, and timers that are late."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from statistics import quantiles
from time import perf_counter, perf_counter_ns, process_time

import gevent
import greenlet

from benchmarks import event
from benchmarks.libraries import Library
from benchmarks.measures.subject import Figures, Subject

PERIOD = 0.001


def measure(subject: Subject, rate: int, seconds: int) -> Figures:
    """`rate` events a second for so many seconds, and as long once more under `greenlet.settrace`, which costs CPU."""
    library = subject.start_warm()
    cpu = process_time()
    events, late_ns = load(library, rate, seconds)
    library.flush()
    cpu = process_time() - cpu
    slices_ns = slices(lambda: load(library, rate, seconds))
    return {
        "cpu_us": cpu / events * 1e6,
        "late_p999_ms": quantiles(late_ns, n=1000, method="inclusive")[-1] / 1e6,
        "late_max_ms": max(late_ns) / 1e6,
        "slice_p999_ms": quantiles(slices_ns, n=1000, method="inclusive")[-1] / 1e6,
        "slice_max_ms": max(slices_ns) / 1e6,
    }


def load(library: Library, rate: int, seconds: int) -> tuple[int, array[int]]:
    """Track what is due each millisecond; returns the number of events, and how late each waking was."""
    track = library.track
    late_ns = array("q")
    number = 0
    began = perf_counter()
    while (elapsed := perf_counter() - began) < seconds:
        while number < elapsed * rate:
            track(*event.make(number))
            number += 1
        asleep = perf_counter_ns()
        gevent.sleep(PERIOD)
        late_ns.append(perf_counter_ns() - asleep - int(PERIOD * 1e9))
    return number, late_ns


def slices(work: Callable[[], object]) -> array[int]:
    """How long greenlets other than the hub ran without a switch, during `work`."""
    hub = gevent.get_hub()
    slices_ns = array("q")
    since_ns = perf_counter_ns()

    def switched(_: str, greenlets: tuple[greenlet.greenlet, greenlet.greenlet]) -> None:
        nonlocal since_ns
        now_ns = perf_counter_ns()
        if greenlets[0] is not hub:
            slices_ns.append(now_ns - since_ns)
        since_ns = perf_counter_ns()

    greenlet.settrace(switched)
    try:
        work()
    finally:
        greenlet.settrace(None)
    return slices_ns
