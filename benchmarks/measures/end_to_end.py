"""What an event costs from the call to the server's answer, when the process does nothing else."""

from __future__ import annotations

import os
from time import perf_counter, process_time

import gevent

from benchmarks import event
from benchmarks.measures.subject import WARM_UP, Figures, Subject

BURST = 100


def measure(subject: Subject, events: int) -> Figures:
    """Events as fast as one core can, and a flush; CPU of all threads.

    Between bursts the tracker waits until nobody else has anything to do, so that no library falls behind.
    """
    gevent.get_hub().threadpool.apply(int)  # gevent's own thread, which looks names up for whoever connects
    threads = count_threads()
    library = subject.start_warm()
    track = library.track
    cpu, began = process_time(), perf_counter()
    for number in range(events):
        track(*event.make(number))
        if number % BURST == BURST - 1:
            gevent.idle()
    library.flush()
    seconds, cpu = perf_counter() - began, process_time() - cpu
    return {
        "cpu_us": cpu / events * 1e6,
        "events_per_s": events / seconds,
        "threads": count_threads() - threads,
        "sent": WARM_UP + events,
    }


def count_threads() -> int:
    """The native threads of this process."""
    return len(os.listdir("/proc/self/task"))
