"""The flusher: the greenlet that takes what waits, packs it, has it sent, and settles it.

`max_in_flight` greenlets, one by default, run the same loop; they live in the home hub and are made when the first
message comes. Nobody waits with a time-out in a loop here: that would keep `gevent.wait()` and `hub.join()` from ever
returning. The greenlets wait untimed on an event, which is set at the threshold, or by a timer that holds nothing up.
"""

from __future__ import annotations

import os
import sys
import time
import weakref
from _thread import RLock  # native, whatever the application patched; never held across a switch
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from gevent import Greenlet, GreenletExit, get_hub, getcurrent
from gevent.event import Event

from segment_gevent.counters import Counters
from segment_gevent.delivery import lifecycle
from segment_gevent.delivery.buffer import Buffer
from segment_gevent.delivery.lifecycle import Home
from segment_gevent.delivery.sender import Flight, Outcome, OutOfTimeError, Sender
from segment_gevent.events.batch import Envelope

if TYPE_CHECKING:
    import logging

NEVER = sys.maxsize
"""A threshold that no buffer reaches: the flusher is at work, or on its way, and needs no waking."""

HOME_ANSWERS_WITHIN = 0.5
"""Seconds that another thread grants the home hub to turn before it sends by itself."""

IDLE_AFTER_AT_LEAST = 0.001
"""Seconds: the period of the timer where `flush_after` is 0, since a timer of no period would spin."""


class Waiter:
    """Somebody who waits for the fate of every message before `target`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.all_delivered = True
        self._changed = Event()
        self._hub = get_hub()

    def notify(self) -> None:
        """Have the waiter look again. From any thread; never switches."""
        Home(self._hub).call(self._changed.set)

    def wait(self, seconds: float) -> None:
        self._changed.wait(seconds)
        self._changed.clear()


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
        envelope: Envelope,
        sender: Sender,
        counters: Counters,
        on_settled: Callable[[Flight, Outcome], None],
        logger: logging.Logger,
    ) -> None:
        self.threshold = 1
        """So many waiting messages call for `wake`; 1 while idle, so that the first message goes at once."""
        self.in_flight: list[Flight] = []
        self.returned: list[Flight] = []
        self._flush_at = min(flush_at, buffer.max_messages) if flush_after else 1
        self._flush_after = flush_after or IDLE_AFTER_AT_LEAST
        self._max_in_flight = max_in_flight
        self._home = home
        self._buffer = buffer
        self._envelope = envelope
        self._sender = sender
        self._counters = counters
        self._on_settled = on_settled
        self._logger = logger
        self._pid = os.getpid()
        self.is_over = False
        """Whether nobody sends from here any more."""
        self._flush_to = 0
        self._last_flush = float("-inf")
        self._waiters: list[Waiter] = []
        self._turn = RLock()
        self._due = self._new_due()
        self._timer: Any = None
        self._greenlets: list[Greenlet[..., None]] = []

    def _new_due(self) -> Event:
        """The event that greenlets wait on: they hold a weak reference then, and end when the flusher is collected."""
        due = Event()
        weakref.finalize(self, due.set).atexit = False
        return due

    # Waking: from any thread, hub, or signal handler.

    def wake(self) -> None:
        """Have all that waits now sent soon. Never switches."""
        if self.is_over:
            return
        if self.threshold != NEVER:
            self._counters.flushes += 1
        self.threshold = NEVER
        self._flush_to = self._buffer.accepted
        lifecycle.keep(self)
        home = self._home
        if not home.is_here and (home.is_gone or (not home.has_run and lifecycle.runs_under_a_hub())):
            if home.is_gone:
                self._seize()  # what its greenlets had in flight, they never settle
            home.move_here()
            self._timer = None
            self._due = self._new_due()
        home.call(self._rouse)

    def make_room(self) -> None:
        """The buffer is full, maybe of fewer messages than the threshold: send what is there. Never switches."""
        if self.threshold != NEVER:
            self.wake()

    @property
    def has_pending(self) -> bool:
        """Whether a message has no fate yet."""
        return bool(self.in_flight or self.returned or self._buffer.waiting())

    @property
    def is_alive(self) -> bool:
        return any(not lifecycle.has_ended(greenlet) for greenlet in self._greenlets) and not self._home.is_gone

    def _rouse(self) -> None:
        """In the home thread: see that the greenlets exist, and wake them."""
        if self.is_over:
            return
        self._take_back()
        self._greenlets = [
            greenlet
            for greenlet in self._greenlets
            if not lifecycle.has_ended(greenlet) and greenlet.parent is self._home.hub
        ]
        while len(self._greenlets) < self._max_in_flight:
            greenlet = Greenlet.spawn(_run, weakref.ref(self), self._due)
            greenlet.rawlink(partial(_replace_killed, weakref.ref(self)))
            self._greenlets.append(greenlet)
        self._due.set()
        self._arm()

    # The loop of each greenlet.

    def work(self) -> bool:
        """Send all that is due, then rest; False when there is no more to come."""
        self._home.has_run = True
        try:
            while self._is_due() and (flight := self._next_flight()) is not None:
                self._carry(flight, is_background=True)
        except BaseException as error:
            self._take_back(getcurrent())
            self._arm()  # another greenlet takes over at the next message, or when the timer fires
            self.threshold = 1
            if isinstance(error, Exception):
                if not self._is_ours():
                    return False  # woken in a forked child, or ended in the middle
                self._logger.exception("the flusher crashed; another takes its place, and no message is lost")
                return False
            raise
        self._rest()
        return self._is_ours()

    def _is_ours(self) -> bool:
        return not self.is_over and self._pid == os.getpid()

    def _is_due(self) -> bool:
        return self._is_ours() and (
            bool(self.returned) or self._buffer.taken < self._flush_to or self._buffer.waiting() >= self._flush_at
        )

    def _rest(self) -> None:
        self._due.clear()
        self.threshold = self._flush_at
        if not self._buffer.waiting():
            self._arm()  # else it runs on: what came while a batch was in flight has waited for a part of the time
        if self._is_due() and len(self.in_flight) < self._max_in_flight:
            self._due.set()  # something came between the last look and the new threshold

    def _arm(self) -> None:
        if self._is_ours():
            if self._timer is None:
                self._timer = get_hub().loop.timer(self._flush_after, self._flush_after, ref=False)
            self._timer.again(self._on_timer)

    def _on_timer(self) -> None:
        """In the hub, when `flush_after` has passed since the last flush."""
        if not self._is_ours():
            self._timer.stop()
        elif self._buffer.waiting() or self.returned:
            self.wake()
        elif not self.in_flight:
            self._timer.stop()
            self.threshold = 1
            lifecycle.release(self)
            if self._buffer.waiting():  # put by another thread between the two looks
                self.wake()

    # One flight.

    def _next_flight(self) -> Flight | None:
        """A flight to send now: one that came back, else a new one; None if there is none, or no room for it."""
        with self._turn:
            if len(self.in_flight) >= self._max_in_flight:
                return None
            if self.returned:
                flight = self.returned.pop(0)
                flight.carrier = getcurrent()
                self.in_flight.append(flight)
                return flight
            message = self._buffer.peek()
            if message is None:
                return None
            flight = Flight(self._envelope, first=self._buffer.taken, since=self._buffer.oldest or time.monotonic())
            flight.carrier = getcurrent()
            self.in_flight.append(flight)
            try:
                while message is not None and flight.fits(message):
                    flight.add(message)
                    self._buffer.take()
                    message = self._buffer.peek()
            except BaseException:  # of a signal handler
                self._buffer.mend(flight.first, flight.messages)
                raise
            self._last_flush = time.monotonic()
            return flight

    def _take_back(self, carrier: object = None) -> None:
        """Take back what `carrier`, or any greenlet that has ended, has in flight and carries no more.

        A signal handler may raise between any two steps of a greenlet, and so between those that put a flight in its
        care and the one that sends it.
        """
        if not self._is_ours():
            return
        with self._turn:
            for flight in list(self.in_flight):
                if flight.carrier is carrier or lifecycle.has_ended(flight.carrier):
                    self._give_back(flight)
                    if flight.is_settled:
                        self.in_flight.remove(flight)

    def _carry(self, flight: Flight, *, until: float | None = None, is_background: bool = False) -> None:
        try:
            outcome = self._sender.deliver(flight, until=until, is_background=is_background)
        except BaseException:
            self._give_back(flight)
            raise
        if self._claim(flight):
            try:
                self._on_settled(flight, outcome)
            finally:
                with self._turn:
                    self.in_flight.remove(flight)
                self._notify(flight, delivered=outcome.error is None)

    def _claim(self, flight: Flight) -> bool:
        """Whether the flight is the caller's to settle: at the end another thread may have sent or dropped it too.

        It counts as in flight until it is settled, so that no flush returns between its removal and its callbacks.
        """
        if not self._is_ours():
            return False  # in a forked child the lock may be held by a thread that is no more
        with self._turn:
            is_free = flight in self.in_flight and not flight.is_settled
            flight.is_settled = flight.is_settled or is_free
        return is_free

    def _give_back(self, flight: Flight) -> None:
        """The flight has no outcome: it goes before all that waits, with the attempts that it had."""
        if not self._is_ours():
            return
        with self._turn:
            if flight.is_settled or flight not in self.in_flight:
                return
            self.in_flight.remove(flight)
            self.returned.append(flight)
            self.returned.sort(key=lambda each: each.first)
        self._notify(None)

    def _notify(self, flight: Flight | None, *, delivered: bool = True) -> None:
        for waiter in list(self._waiters):
            if flight is not None and not delivered and flight.first < waiter.target:
                waiter.all_delivered = False
            waiter.notify()
        if self._greenlets and self._is_due():
            self._due.set()  # there is room again, and another greenlet may be resting

    # Waiting for fates.

    @property
    def settled(self) -> int:
        """Every message before this ordinal has its fate."""
        with self._turn:
            return min((flight.first for flight in [*self.in_flight, *self.returned]), default=self._buffer.taken)

    @property
    def oldest(self) -> float | None:
        """When the oldest message without a fate came, in monotonic seconds."""
        ages = [flight.since for flight in [*self.in_flight, *self.returned]]
        waiting = self._buffer.oldest
        return min([*ages, *([] if waiting is None else [waiting])], default=None)

    def flush(self, deadline: float, *, in_caller: bool = False, is_last: bool = False) -> bool:
        """Wait for the fate of everything pending, until the monotonic time `deadline`; whether all was delivered.

        The flusher sends; the caller's greenlet does only if the home hub does not turn, or `in_caller` asks for it.
        The last flush ends the waits between attempts, and takes over what a hub that no longer turns holds in flight.
        Switches; not for the hub.
        """
        waiter = Waiter(self._buffer.accepted)
        if self.settled >= waiter.target:
            return True
        self._waiters.append(waiter)
        try:
            if is_last:
                self._sender.hurry()
            if in_caller:
                self._drain(waiter, deadline)
                self._release_if_idle()
            elif not self._wake_home(deadline):
                if is_last:
                    self._seize()
                self._drain(waiter, deadline)
            while self._is_ours() and self.settled < waiter.target:
                seconds = deadline - time.monotonic()
                if seconds <= 0:
                    return False
                waiter.wait(seconds)
            return waiter.all_delivered and self._pid == os.getpid()
        finally:
            self._waiters.remove(waiter)

    def _wake_home(self, deadline: float) -> bool:
        self.wake()
        return self._home.is_here or self._home.answers(min(HOME_ANSWERS_WITHIN, deadline - time.monotonic()))

    def _drain(self, waiter: Waiter, deadline: float | None) -> None:
        """Send in the caller's greenlet until the waiter is served; others' flights are waited for."""
        while self._is_ours() and self.settled < waiter.target:
            try:
                if (flight := self._next_flight()) is not None:
                    self._carry(flight, until=deadline)
                    continue
            except OutOfTimeError:
                return
            except BaseException:
                self._take_back(getcurrent())
                raise
            seconds = HOME_ANSWERS_WITHIN if deadline is None else deadline - time.monotonic()
            if seconds <= 0:
                return
            waiter.wait(min(seconds, HOME_ANSWERS_WITHIN))

    def send_if_due(self) -> None:
        """For `async_=False`: if a flush is due, send in the caller's greenlet, which switches.

        In the hub, which can't, it wakes the flusher.
        """
        is_due = (
            self._buffer.waiting() >= self._flush_at
            or bool(self.returned)
            or time.monotonic() - self._last_flush >= self._flush_after
        )
        if is_due and lifecycle.in_hub():
            self.wake()
            return
        lifecycle.keep(self)
        if is_due:
            self._counters.flushes += 1
            with lifecycle.BorrowedHub():
                waiter = Waiter(self._buffer.accepted)
                self._waiters.append(waiter)
                try:
                    self._drain(waiter, None)
                finally:
                    self._waiters.remove(waiter)
            self._release_if_idle()

    def _release_if_idle(self) -> None:
        """For who sends in the caller's greenlet: no timer comes to let go of a client that has nothing left."""
        if not self.has_pending:
            lifecycle.release(self)
            if self.has_pending:  # put by another thread between the two looks
                lifecycle.keep(self)

    # Ending.

    def _seize(self) -> None:
        for flight in list(self.in_flight):
            self._give_back(flight)

    def stop(self) -> list[Flight]:
        """End the greenlets; what was pending comes back in flights, for the caller to settle. Never switches."""
        with self._turn:
            self.is_over = True
            settled = [flight for flight in self.in_flight if flight.is_settled]
            self.returned += [flight for flight in self.in_flight if not flight.is_settled]
            self.in_flight.clear()
            left = sorted(self.returned, key=lambda flight: flight.first)
            self.returned.clear()
            while (flight := self._next_flight()) is not None:
                self.in_flight.remove(flight)
                left.append(flight)
            self.in_flight += settled  # whoever settles one removes it
        lifecycle.release(self)
        self._home.call(self._end_greenlets)
        for waiter in list(self._waiters):
            waiter.all_delivered = waiter.all_delivered and not left
            waiter.notify()
        return left

    def abandon(self) -> None:
        """In a forked child: forget everything. Never spawns, blocks or switches."""
        self.is_over = True
        self.in_flight.clear()
        self.returned.clear()
        self._end_greenlets()
        for waiter in list(self._waiters):
            waiter.notify()

    def _end_greenlets(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        for greenlet in self._greenlets:
            if greenlet is not getcurrent():  # a transport may be what forked, or shut the client down
                greenlet.kill(block=False)


def _run(reference: weakref.ref[Flusher], due: Event) -> None:
    """What each greenlet runs: between two flushes it holds no flusher."""
    while True:
        due.wait()
        flusher = reference()
        if flusher is None or not flusher.work():
            return
        del flusher


def _replace_killed(reference: weakref.ref[Flusher], greenlet: Greenlet[..., None]) -> None:
    """In the hub, when a greenlet ended: another takes the place of a killed one; the timer, of a crashed one."""
    flusher = reference()
    was_killed = isinstance(greenlet.value, GreenletExit) or greenlet.exception is not None
    if flusher is not None and was_killed and flusher.has_pending:
        flusher.wake()
