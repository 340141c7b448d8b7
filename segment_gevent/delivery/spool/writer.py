"""The writer: the greenlet that has the disk follow memory, with `durable`.

Every message that has no fate yet is on disk within `journal_interval`, and leaves it when it has one. It is sent from
memory all the same: only after a crash, or by a shutdown that ran out of time, is it the disk's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from gevent import Greenlet, getcurrent
from gevent.event import Event

from segment_gevent.delivery import lifecycle, retry
from segment_gevent.delivery.flights import Flight, Flights
from segment_gevent.delivery.flusher import HOME_ANSWERS_WITHIN
from segment_gevent.delivery.lifecycle import Home
from segment_gevent.delivery.spool.storage import WRITING, Storage
from segment_gevent.delivery.waiter import Waiters


class Writer:
    """Knows what is on disk while it waits. Without `durable` nothing is, and every call costs next to nothing."""

    def __init__(self, storage: Storage, *, is_durable: bool, interval: float, home: Home, flights: Flights) -> None:
        self.is_durable = is_durable
        self._storage = storage
        self._interval = interval
        self._home = home
        self._flights = flights
        self._written = 0  # every message before this ordinal was written or had its fate, but for those below
        self._left_out: list[Flight] = []  # are being put on disk otherwise
        self._missed: list[int] = []  # from these ordinals on, flights that were left out and are not on disk
        self._removals: deque[tuple[int, int]] = deque()
        self._greenlet: Greenlet[..., None] | None = None
        self._hurry = Event()
        self._waiters = Waiters()
        self._cannot_write = False

    @property
    def journaled(self) -> int:
        """Every message before this ordinal is on disk, or has its fate."""
        return min([self._written, *self._missed, *(flight.first for flight in list(self._left_out))])

    def notice(self) -> None:
        """A message came, or has its fate: have the disk follow within `journal_interval`. Never switches."""
        if self.is_durable and self._is_missing:
            self._home.call(self._start)

    def settled(self, first: int, messages: int) -> None:
        """So many messages from this ordinal on have their fate, and need not be on disk. Never switches."""
        if self.is_durable:
            self._removals.append((first, first + messages))
            self.notice()

    def leave_out(self, flight: Flight) -> None:
        """The flight is about to be put on disk otherwise: until `take_up` it is not written here."""
        self._left_out.append(flight)

    def take_up(self, flight: Flight, *, is_on_disk: bool) -> None:
        """The flight that was left out is on disk, or is this writer's again. Never switches."""
        if self.is_durable and not is_on_disk:
            self._missed.append(flight.first)
        self._left_out.remove(flight)
        self._waiters.notify()
        self.notice()

    def await_disk(self, ordinal: int) -> bool:
        """Wait until every message before `ordinal` is on disk or has its fate; False where the disk refuses it.

        If the home hub does not turn, the caller's greenlet writes. Switches; not for the hub.
        """
        with lifecycle.BorrowedHub(), self._waiters.waiting(ordinal) as waiter:
            self.notice()
            self._home.call(self._hurry_up)
            while self.journaled < ordinal and self._flights.is_ours:
                if not self._home.answers(HOME_ANSWERS_WITHIN):
                    self.write()
                    break
                if self._cannot_write:
                    break
                waiter.wait(HOME_ANSWERS_WITHIN)
            return self.journaled >= ordinal

    def take_off(self, until: float) -> None:
        """At the end: take off the disk what has its fate: by `until`, or when the disk gets to it. Switches."""
        removals = list(self._removals.copy())

        def work() -> None:
            self._work([], removals)

        if removals and not self._storage.run(work, until=until, proves=None):
            self._storage.later(work)

    def abandon(self) -> None:
        """In a forked child: the greenlet is the parent's."""
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    # The greenlet.

    @property
    def _is_missing(self) -> bool:
        """Whether there is none that runs: also when its hub ended while it rested."""
        greenlet = self._greenlet
        return greenlet is None or lifecycle.has_ended(greenlet) or greenlet.parent is not self._home.hub

    def _start(self) -> None:
        """In the home thread."""
        if self._is_missing:
            self._hurry = Event()  # the other belongs to the hub of who waited for it
            self._greenlet = Greenlet.spawn(self._write_until_done)

    def _hurry_up(self) -> None:
        self._hurry.set()

    def _write_until_done(self) -> None:
        is_busy = False
        try:
            while self._flights.is_ours:
                if not (self._waiters and is_busy):
                    lifecycle.rest(self._interval, self._hurry, ref=False)
                self._hurry.clear()
                is_busy = self.write()
                if not is_busy and not self._has_work:
                    return
                if self._cannot_write:
                    lifecycle.rest(retry.backoff(3, 1.0), Event(), ref=False)
        finally:
            if self._greenlet is getcurrent():
                self._greenlet = None
            if self._flights.is_ours and self._has_work:
                self.notice()  # killed, or a message came between the last look and the end

    @property
    def _has_work(self) -> bool:
        return bool(self._removals) or self._flights.accepted > self.journaled

    def write(self) -> bool:
        """Put on disk what is new, and take off what has its fate; whether there was anything. Switches.

        Of two hubs that write at once, or if who writes is killed, work may be done twice, which changes nothing.
        """
        missed, removals = self._missed.copy(), list(self._removals.copy())
        left_out = [range(flight.first, flight.first + len(flight)) for flight in self._left_out]
        messages, end = self._flights.pending_from(min([self._written, *missed]))
        if left_out:
            messages = [pair for pair in messages if not any(pair[0] in ordinals for ordinals in left_out)]
        if not self._flights.is_ours:
            end = self._written  # what was pending may have been handed out at the end, and nobody wrote it
        is_needed = bool(messages or removals)
        proves = WRITING if messages else None
        self._cannot_write = is_needed and not self._storage.run(lambda: self._work(messages, removals), proves=proves)
        if not self._cannot_write:
            self._have_written(end, missed, removals)
        self._waiters.notify()
        return is_needed

    def _work(self, messages: Sequence[tuple[int, bytes]], removals: Sequence[tuple[int, int]]) -> None:
        """On disk."""
        if messages:
            self._storage.store.add(messages, owned=True)
        for first, end in removals:
            self._storage.store.remove(first, end)

    def _have_written(self, end: int, missed: Sequence[int], removals: Sequence[tuple[int, int]]) -> None:
        self._written = max(self._written, end)
        for done in missed:
            with suppress(ValueError):
                self._missed.remove(done)
        for removed in removals:
            with suppress(ValueError):
                self._removals.remove(removed)
