"""The flusher: the greenlet that takes what waits, packs it, has it sent, and settles it.

Its crew, `max_in_flight` greenlets, one by default, runs its loop. They are woken at the threshold, or by a timer that
holds nothing up.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from gevent import get_hub, getcurrent

from segment_gevent.counters import Counters
from segment_gevent.delivery import lifecycle
from segment_gevent.delivery.buffer import Buffer
from segment_gevent.delivery.crew import Crew
from segment_gevent.delivery.flights import Flight, Flights
from segment_gevent.delivery.lifecycle import Home
from segment_gevent.delivery.sender import Outcome, OutOfTimeError, Sender
from segment_gevent.delivery.waiter import Waiter, Waiters

if TYPE_CHECKING:
    import logging

NEVER = sys.maxsize
"""A threshold that no buffer reaches: the flusher is at work, or on its way, and needs no waking."""

HOME_ANSWERS_WITHIN = 0.5
"""Seconds that another thread grants the home hub to turn before it sends by itself."""

IDLE_AFTER_AT_LEAST = 0.001
"""Seconds: the period of the timer where `flush_after` is 0, since a timer of no period would spin."""


class Flusher:
    """Moves messages from the buffer to their fate, and knows what is under way."""

    def __init__(
        self,
        *,
        flush_at: int,
        flush_after: float,
        max_in_flight: int,
        home: Home,
        buffer: Buffer,
        flights: Flights,
        sender: Sender,
        counters: Counters,
        on_outcome: Callable[[Flight, Outcome, float | None], Outcome],
        on_settled: Callable[[Flight, Outcome], None],
        replay: Callable[[], bool],
        logger: logging.Logger,
    ) -> None:
        self.threshold = 1
        """So many waiting messages call for `wake`; 1 while idle, so that the first message goes at once."""
        self._flush_at = min(flush_at, buffer.max_messages) if flush_after else 1
        self._flush_after = flush_after or IDLE_AFTER_AT_LEAST
        self._home = home
        self._buffer = buffer
        self._flights = flights
        self._sender = sender
        self._counters = counters
        self._on_outcome = on_outcome
        self._on_settled = on_settled
        self._replay = replay
        self._logger = logger
        self._flush_to = 0
        self._waiters = Waiters()
        self._wait_for_room = Waiters()
        self._crew = Crew(self, size=max_in_flight, home=home)
        self._timer: Any = None

    # Waking: from any thread, hub, or signal handler.

    def wake(self) -> None:
        """Have all that waits now sent soon. Never switches."""
        if self._flights.is_over:
            return
        if self.threshold != NEVER:
            self._counters.flushes += 1
        self.threshold = NEVER
        self._flush_to = self._buffer.accepted
        lifecycle.keep(self)
        home = self._home
        if not home.is_here and (home.is_gone or (not home.has_run and lifecycle.runs_under_a_hub())):
            if home.is_gone:
                self._flights.seize()  # what its greenlets had in flight, they never settle
            home.move_here()
            self._timer = None
            self._crew.move()
        home.call(self._rouse)

    def look(self) -> None:
        """Have the greenlets look for work, in the spool too; what waits for a flush waits on. Never switches."""
        self._home.call(self._revive)

    def make_room(self) -> None:
        """The buffer is full, maybe of fewer messages than the threshold: send what is there. Never switches."""
        if self.threshold != NEVER or self._home.is_gone:
            self.wake()

    def drop_oldest(self) -> bytes | None:
        """Take the oldest waiting message out, for the caller to settle; None if none waits. Never switches."""
        message = self._flights.drop_oldest()
        if message is not None:
            for waiter in self._waiters:
                if self._buffer.taken <= waiter.target:
                    waiter.all_delivered = False
                waiter.notify()
        return message

    def set_aside(self, keep: Callable[[Flight], bool]) -> bool:
        """Settle the oldest waiting messages as spooled, if `keep` puts them on disk; whether it did. Switches."""
        flight = self._flights.next(is_extra=True)
        if flight is None:
            return True
        try:
            is_kept = keep(flight)
        except BaseException:
            self._give_back(flight)
            raise
        if is_kept:
            self._settle(flight, Outcome(None, None, is_spooled=True))
        else:
            self._give_back(flight)
        return is_kept

    def waiting_for_room(self) -> AbstractContextManager[Waiter]:
        """A waiter who is told whenever messages leave the buffer. Needs a hub."""
        return self._wait_for_room.waiting()

    def _next(self) -> Flight | None:
        flight = self._flights.next()
        if flight is not None:
            self._wait_for_room.notify()
        return flight

    @property
    def has_pending(self) -> bool:
        """Whether a message has no fate yet."""
        return bool(self._flights or self._buffer.waiting())

    @property
    def is_alive(self) -> bool:
        return self._crew.is_alive

    def _rouse(self) -> None:
        """In the home thread: wake the crew, and let `flush_after` begin anew."""
        if not self._flights.is_over:
            self._revive()
            self._arm()

    def _revive(self) -> None:
        """In the home thread: see that the crew is there, and wake it."""
        if self._flights.is_over:
            return
        if self._flights.take_back():
            self._notify()
        self._crew.muster()

    # The loop of each greenlet.

    def work(self) -> bool:
        """Send all that is due, then rest; False when there is no more to come."""
        self._home.has_run = True
        try:
            while self._send_one() or self._replay():
                pass
        except BaseException as error:
            if self._flights.take_back(getcurrent()):
                self._notify()
            self._arm()  # another greenlet takes over at the next message, or when the timer fires
            self.threshold = 1
            if isinstance(error, Exception):
                if not self._flights.is_ours:
                    return False  # woken in a forked child, or ended in the middle
                self._logger.exception("the flusher crashed; another takes its place, and no message is lost")
                return False
            raise
        self._rest()
        return self._flights.is_ours

    def _send_one(self) -> bool:
        """Send a flight if one is due, and after it one from the spool, so that neither starves; whether one was."""
        if not self._is_due() or (flight := self._next()) is None:
            return False
        self._carry(flight, is_background=True)
        self._replay()
        return True

    def _is_due(self) -> bool:
        return self._flights.is_ours and (
            bool(self._flights.returned)
            or self._buffer.taken < self._flush_to
            or self._buffer.waiting() >= self._flush_at
        )

    def _rest(self) -> None:
        self._crew.rest()
        if self.threshold == NEVER:  # else it was only a look into the spool
            self.threshold = self._flush_at
            if not self._buffer.waiting():
                self._arm()  # else it runs on: what came while a batch was in flight has waited for a part of the time
        if self._is_due() and self._flights.has_room:
            self._crew.wake()  # something came between the last look and the new threshold

    def _arm(self) -> None:
        if self._flights.is_ours:
            if self._timer is None:
                self._timer = get_hub().loop.timer(self._flush_after, self._flush_after, ref=False)
            self._timer.again(self._on_timer)

    def _on_timer(self) -> None:
        """In the hub, when `flush_after` has passed since the last flush."""
        if not self._flights.is_ours:
            self._timer.stop()
        elif self._buffer.waiting() or self._flights.returned:
            self.wake()
        elif not self._flights.out:
            self._timer.stop()
            self.threshold = 1
            lifecycle.release(self)
            if self._buffer.waiting():  # put by another thread between the two looks
                self.wake()

    # One flight.

    def _carry(self, flight: Flight, *, until: float | None = None, is_background: bool = False) -> None:
        try:
            outcome = self._sender.deliver(flight, until=until, is_background=is_background)
            outcome = self._on_outcome(flight, outcome, until)
        except BaseException:
            self._give_back(flight)
            raise
        if outcome.pieces:
            self._give_back(flight, outcome.pieces)
        else:
            self._settle(flight, outcome)

    def _settle(self, flight: Flight, outcome: Outcome) -> None:
        """Unless another did so, or the end has come."""
        if self._flights.claim(flight):
            try:
                self._on_settled(flight, outcome)
            finally:
                self._flights.done(flight)
                self._notify(flight, delivered=outcome.is_delivered and not outcome.is_spooled)

    def _give_back(self, flight: Flight, pieces: Sequence[Flight] = ()) -> None:
        if self._flights.give_back(flight, pieces):
            self._notify()

    def _notify(self, flight: Flight | None = None, *, delivered: bool = True) -> None:
        for waiter in self._waiters:
            if flight is not None and not delivered and flight.first < waiter.target:
                waiter.all_delivered = False
            waiter.notify()
        if self._is_due():
            self._crew.wake()  # there is room again, and another greenlet may be resting

    # Waiting for fates.

    @property
    def oldest(self) -> float | None:
        """When the oldest message without a fate came, in monotonic seconds."""
        ages = [flight.since for flight in self._flights]
        waiting = self._buffer.oldest
        return min([*ages, *([] if waiting is None else [waiting])], default=None)

    def flush(self, deadline: float, *, in_caller: bool = False, is_last: bool = False) -> bool:
        """Wait for the fate of everything pending, until the monotonic time `deadline`; whether all was delivered.

        The flusher sends; the caller's greenlet does only if the home hub does not turn, or `in_caller` asks for it.
        The last flush ends the waits between attempts, and takes over what a hub that no longer turns holds in flight.
        Switches; not for the hub.
        """
        target = self._buffer.accepted
        if self._flights.settled >= target:
            return True
        with self._waiters.waiting(target) as waiter:
            if is_last:
                self._sender.hurry()
            if in_caller:
                self._drain(waiter, deadline)
                self._release_if_idle()
            else:
                self.wake()
                self._await_home(waiter, deadline, is_last=is_last)
            is_served = self._flights.settled >= target or not self._flights.is_ours
            return is_served and waiter.all_delivered and not self._flights.is_inherited

    def _await_home(self, waiter: Waiter, deadline: float, *, is_last: bool) -> None:
        """Wait until the waiter is served, and see to it where the home hub does not: it may end or stop meanwhile."""
        while self._lacks(waiter) and (seconds := deadline - time.monotonic()) > 0:
            if self._home.is_gone:
                self.wake()  # its home is here from now on
            if not self._home.answers(min(HOME_ANSWERS_WITHIN, seconds)):
                if is_last and self._flights.seize():
                    self._notify()
                self._send_here(waiter, deadline)
            waiter.wait(max(0.0, min(HOME_ANSWERS_WITHIN, deadline - time.monotonic())))

    def _drain(self, waiter: Waiter, deadline: float | None) -> None:
        """Send in the caller's greenlet until the waiter is served; others' flights are waited for."""
        while self._send_here(waiter, deadline) and self._lacks(waiter):
            seconds = HOME_ANSWERS_WITHIN if deadline is None else deadline - time.monotonic()
            if seconds <= 0:
                return
            waiter.wait(min(seconds, HOME_ANSWERS_WITHIN))

    def _lacks(self, waiter: Waiter) -> bool:
        return self._flights.is_ours and self._flights.settled < waiter.target

    def _send_here(self, waiter: Waiter, deadline: float | None) -> bool:
        """Send in the caller's greenlet what the waiter lacks and nobody carries; False if `deadline` ended it."""
        try:
            while self._lacks(waiter) and (flight := self._next()) is not None:
                self._carry(flight, until=deadline)
        except OutOfTimeError:
            return False
        except BaseException:
            if self._flights.take_back(getcurrent()):
                self._notify()
            raise
        return True

    def send_if_due(self) -> None:
        """For `async_=False`: if a flush is due, send in the caller's greenlet, which switches.

        In the hub, which can't, it wakes the flusher.
        """
        is_due = (
            self._buffer.waiting() >= self._flush_at
            or bool(self._flights.returned)
            or time.monotonic() - self._flights.last_new >= self._flush_after
        )
        if is_due and lifecycle.in_hub():
            self.wake()
            return
        lifecycle.keep(self)
        if is_due:
            self._counters.flushes += 1
            with lifecycle.BorrowedHub(), self._waiters.waiting(self._buffer.accepted) as waiter:
                self._drain(waiter, None)
            self._release_if_idle()

    def _release_if_idle(self) -> None:
        """For who sends in the caller's greenlet: no timer comes to let go of a client that has nothing left."""
        if not self.has_pending:
            lifecycle.release(self)
            if self.has_pending:  # put by another thread between the two looks
                lifecycle.keep(self)

    # Ending.

    def stop(self) -> list[Flight]:
        """End the crew; what was pending comes back in flights, for the caller to settle. Never switches."""
        left = self._flights.stop()
        self._sender.end()
        lifecycle.release(self)
        self._home.call(self._end)
        for waiter in self._waiters:
            waiter.all_delivered = waiter.all_delivered and not left
        self._notify_all()
        return left

    def abandon(self) -> None:
        """In a forked child: forget everything. Never spawns, blocks or switches."""
        self._flights.forget()
        self._end()
        self._notify_all()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._crew.end()

    def _notify_all(self) -> None:
        self._waiters.notify()
        self._wait_for_room.notify()
