"""The watchdog: one line in the log when messages stand still, and one when they move again.

Who looks must be somebody who still runs. Where the home hub turns that is a timer in it; where it does not, as in a
process that never waits cooperatively, it is the calls themselves, each fork, and the shutdown.
"""

from __future__ import annotations

import logging
import os
import time
from functools import partial
from typing import TYPE_CHECKING

from segment_gevent.delivery import lifecycle
from segment_gevent.delivery.trouble import Trouble
from segment_gevent.words import counted

if TYPE_CHECKING:
    from segment_gevent.counters import Counters
    from segment_gevent.delivery.flights import Flights
    from segment_gevent.delivery.flusher import Flusher

LOOKS = 4
"""Looks in the time that messages may stand still: so late, at most, a line comes by a quarter."""


class Watchdog:
    """Looks at the age of the oldest message without a fate; as late as `after` seconds it is said to stand still.

    Where `flush_after` alone may keep a message for as long, so much later.
    """

    def __init__(
        self,
        after: float,
        *,
        flush_after: float,
        home: lifecycle.Home,
        flusher: Flusher,
        flights: Flights,
        counters: Counters,
        logger: logging.Logger,
    ) -> None:
        self._limit = after if after > flush_after else after + flush_after
        self._flusher = flusher
        self._flights = flights
        self._counters = counters
        self._standing = Trouble(logger)
        self._next_look = 0.0
        self._pid = os.getpid()
        home.call(partial(lifecycle.every, self._limit / LOOKS, self._tick))

    def glance(self) -> None:
        """Look, if the last look is long enough ago: for who comes by often."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + self._limit / LOOKS
            self.look()

    def look(self) -> None:
        """Say what is news. Never switches, unless a handler of the log does."""
        if (reason := self.reason()) is None:
            self._standing.end("messages move again; %s had stood still")
        elif not self._standing:
            self._standing.start("%s", reason, messages=self._pending())

    def reason(self) -> str | None:
        """Why the oldest message is as old as it is, in words; None if it is not too old."""
        oldest = self._flusher.oldest
        age = 0.0 if oldest is None else time.monotonic() - oldest
        if age <= self._limit:
            return None
        return f"{counted(self._pending(), 'message')} stood still for {age:.0f} s: {self._cause()}"

    def _cause(self) -> str:
        if not self._flights.out:
            return "the hub that sends them does not turn; the process is blocked, or never waits cooperatively"
        if self._counters.last_status is None:
            return "no answer came from the server"
        return f"the server's last answer was {self._counters.last_status}"

    def _pending(self) -> int:
        return self._counters.snapshot(oldest_age=0.0, flusher_alive=True).pending

    def _tick(self) -> None:
        """In the hub, where a handler of the log may not wait."""
        is_ours = self._pid == os.getpid()  # uWSGI's workers have the timer too
        if is_ours and bool(self._standing) is not (self.reason() is not None):
            lifecycle.spawn(self.look)
