"""The pace: so many messages a second at most, whatever came before."""

from __future__ import annotations

import time
from collections.abc import Callable

GRAIN = 0.01
"""Seconds: shorter waits are put together, since a timer for each message would cost more than sending it."""

CREDIT = 0.1
"""Seconds of lateness that are made up for. More would send a burst after a server's outage."""


class Pace:
    """Holds who sends to a rate.

    Args:
        rate: messages a second, over 0.
        sleep: waits so many seconds.
        clock: seconds that never go back.
    """

    def __init__(
        self, rate: float, sleep: Callable[[float], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = 1 / rate
        self._sleep = sleep
        self._clock = clock
        self._due = clock()

    def await_turn(self) -> None:
        """After each message: wait until the next one may follow. Switches."""
        now = self._clock()
        self._due = max(self._due, now - CREDIT) + self._interval
        if self._due - now >= GRAIN:
            self._sleep(self._due - now)
