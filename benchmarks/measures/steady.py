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

CALM, TICKER = 0.005, 0.001
"""Seconds between two wakings of the tracker. A waking costs 10 to 20 µs, which would hide what an event costs."""


def measure(subject: Subject, rate: int, seconds: int) -> Figures:
    """`rate` events a second for so many seconds; then as long under `greenlet.settrace`, in a ticker's small steps."""
    library = subject.start_warm()
    late_ns = array("q")
    cpu_us = cpu_of(library, rate, seconds)
    slices_ns = slices(lambda: late_ns.extend(load(library, rate, seconds, TICKER)))
    return {
        "cpu_us": cpu_us,
        "late_p999_ms": quantiles(late_ns, n=1000, method="inclusive")[-1] / 1e6,
        "late_max_ms": max(late_ns) / 1e6,
        "slice_p999_ms": quantiles(slices_ns, n=1000, method="inclusive")[-1] / 1e6,
        "slice_max_ms": max(slices_ns) / 1e6,
    }


def cpu_of(library: Library, rate: int, seconds: int) -> float:
    """CPU of an event in µs, to its delivery."""
    cpu = process_time()
    load(library, rate, seconds, CALM)
    library.flush()
    return (process_time() - cpu) / (rate * seconds) * 1e6


def load(library: Library, rate: int, seconds: int, period: float) -> array[int]:
    """Track what is due each `period`, `rate * seconds` events in all; returns how late each waking was, in ns."""
    track = library.track
    late_ns = array("q")
    number = 0
    began = perf_counter()
    while number < rate * seconds:
        while number < min((perf_counter() - began) * rate, rate * seconds):
            track(*event.make(number))
            number += 1
        asleep = perf_counter_ns()
        gevent.sleep(period)
        late_ns.append(perf_counter_ns() - asleep - int(period * 1e9))
    return late_ns


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
