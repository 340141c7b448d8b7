"""The pulse: a hub is steady when it has turned for a second without a pause, and noticed when it stops."""

from __future__ import annotations

import threading
import time

from gevent.event import Event
from servers.spools import LONG, SOON, until

from segment_gevent.delivery.lifecycle import Home
from segment_gevent.delivery.spool.pulse import BEAT, BEATS, LONGEST_PAUSE, Pulse


class Felt:
    """The pulse of this thread's hub, and what it told."""

    def __init__(self, *, longest_stop: float = LONG) -> None:
        self.steady = Event()
        self.stopped = threading.Event()
        self.pulse = Pulse(Home.here(), longest_stop=longest_stop, on_steady=self.steady.set, on_stop=self.stopped.set)


def test_a_hub_is_steady_only_after_it_has_turned_without_a_pause() -> None:
    """What it turned before it was blocked, as while an application is loaded, does not count."""
    felt = Felt()
    felt.pulse.feel()
    half = time.monotonic() + BEATS * BEAT / 2
    until(lambda: time.monotonic() >= half)
    threading.Event().wait(2 * LONGEST_PAUSE)  # blocks the hub, too
    resumed = time.monotonic()
    assert not felt.pulse.is_steady
    until(felt.steady.is_set)
    assert felt.pulse.is_steady
    assert time.monotonic() - resumed > 0.9 * BEATS * BEAT


def test_asking_again_does_not_hurry_it() -> None:
    """Every look asks."""
    felt = Felt()
    begun = time.monotonic()
    while not felt.steady.is_set():
        felt.pulse.feel()
        felt.steady.wait(0.001)
    assert time.monotonic() - begun > 0.9 * BEATS * BEAT


def test_a_hub_that_stops_is_noticed_and_has_to_be_steady_anew() -> None:
    """By a native thread, for nothing runs in the hub then."""
    felt = Felt(longest_stop=0.3)
    felt.pulse.assume_steady()
    felt.pulse.watch()
    assert felt.stopped.wait(SOON)  # blocks the hub
    assert not felt.pulse.is_steady
    felt.pulse.feel()
    until(felt.steady.is_set)


def test_a_pulse_that_is_watched_no_more_says_nothing() -> None:
    """As at its client's end."""
    felt = Felt(longest_stop=0.1)
    felt.pulse.watch()
    felt.pulse.end()
    assert not felt.stopped.wait(0.5)
