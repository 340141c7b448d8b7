"""How the cost of an event grows; each figure is named by the number that it was measured at."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from time import monotonic, perf_counter_ns, process_time

import gevent
from gevent.pool import Group

from benchmarks import event
from benchmarks.measures.steady import cpu_of
from benchmarks.measures.subject import Figures, Subject

FLUSH_AT = (1, 10, 100, 1000)
GREENLETS = (1, 10, 100, 1000, 10_000)
SIZES = (100, 340, 1000, 4000, 16_000, 32_000)
WAITING = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)

SAMPLE = 1000
BURST = 20
PATIENCE = 15.0
"""Seconds that filling a queue may take; what waits beyond it is left out."""


def by_flush_at(subject: Subject, rate: int, seconds: int) -> Figures:
    """CPU of an event, in µs, at a steady load, by the option `flush_at`; each for so many seconds."""
    figures = {}
    for flush_at in FLUSH_AT:
        library = replace(subject, setting=replace(subject.setting, flush_at=flush_at)).start_warm()
        figures[str(flush_at)] = cpu_of(library, rate, seconds)
        library.close()
    return figures


def by_greenlets(subject: Subject, events: int) -> Figures:
    """CPU of an event, in µs, where so many greenlets track in turn."""
    library = subject.start_warm()
    figures = {}
    for greenlets in GREENLETS:

        def work(first: int, last: int) -> None:
            for number in range(first, last):
                library.track(*event.make(number))
                if number % BURST == 0:
                    gevent.sleep(0)

        share = max(events // greenlets, 1)
        workers = Group()
        cpu = process_time()
        for first in range(0, share * greenlets, share):
            workers.spawn(work, first, first + share)
        workers.join()
        library.flush()
        figures[str(greenlets)] = (process_time() - cpu) / (share * greenlets) * 1e6
    return figures


def by_size(subject: Subject, size: int) -> Figures:
    """CPU of an event, in µs, by the bytes of its properties; so many bytes are sent at each."""
    library = subject.start_warm()
    figures = {}
    for each in SIZES:
        events = max(min(size // each, 5000), 200)
        cpu = process_time()
        for number in range(events):
            library.track(*event.make_sized(number, each))
            if number % BURST == BURST - 1:
                gevent.idle()
        library.flush()
        figures[str(each)] = (process_time() - cpu) / events * 1e6
    return figures


def by_waiting(subject: Subject) -> Figures:
    """The median of a call, in µs, where so many messages wait already."""
    library = subject.start()
    figures: Figures = {}
    number = 0
    give_up = monotonic() + PATIENCE
    for waiting in WAITING:
        while number < waiting:
            library.track(*event.make(number))
            number += 1
            if number % 1000 == 0:
                gevent.sleep(0)
                if monotonic() > give_up:
                    return figures
        calls = []
        for _ in range(SAMPLE):
            session, user, properties = event.make(number)
            began = perf_counter_ns()
            library.track(session, user, properties)
            calls.append(perf_counter_ns() - began)
            number += 1
        figures[str(waiting)] = median(calls) / 1e3
    return figures
