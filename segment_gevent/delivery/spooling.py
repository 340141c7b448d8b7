"""One client's dealings with its spool: what goes to disk, when, and how it comes back to be sent.

All of it is cooperative: `disk.py` does the work on a native thread. Where the disk fails, delivery goes on from
memory, one log line says so, and another when the disk works again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from gevent import Greenlet
from gevent.event import Event

from segment_gevent.delivery import lifecycle, retry
from segment_gevent.delivery.disk import Disk
from segment_gevent.delivery.fates import Fates
from segment_gevent.delivery.flights import Flight, Flights
from segment_gevent.delivery.lifecycle import Home
from segment_gevent.delivery.spool import BadFile, Loss, Row, RowId, SpoolError, Store
from segment_gevent.delivery.trouble import Trouble
from segment_gevent.delivery.waiter import Waiter
from segment_gevent.events.batch import BATCH_BYTES, BATCH_MESSAGES, Envelope
from segment_gevent.words import counted

if TYPE_CHECKING:
    from segment_gevent.options import Options

LOOK_EVERY = 10.0
"""Seconds between two looks into the directory for what other processes left, where nothing else gives a reason."""


class Replay(Flight):
    """A batch of messages that were on disk, on its way again. No flush waits for it: its messages have their fate."""

    __slots__ = ("rows",)

    def __init__(self, envelope: Envelope, rows: Iterable[Row] = ()) -> None:
        now = time.monotonic()
        super().__init__(envelope, first=0, since=now)
        self.rows: list[Row] = []
        for row in rows:
            if not self.fits(row.body):
                break
            self.add(row.body)
            self.rows.append(row)

    @property
    def ids(self) -> list[RowId]:
        return [row.id for row in self.rows]

    @property
    def of_mine(self) -> int:
        """How many of its messages this client put on disk, and counts as spooled."""
        return sum(row.is_mine for row in self.rows)

    def halves(self) -> list[Flight]:
        middle = len(self.rows) // 2
        pieces: list[Flight] = [Replay(self._envelope, self.rows[:middle]), Replay(self._envelope, self.rows[middle:])]
        for piece in pieces:
            piece.search = self.search
        return pieces


class Spooling:
    """Keeps messages on disk for a pipeline, and hands them back."""

    def __init__(
        self,
        options: Options,
        store: Store,
        *,
        home: Home,
        flights: Flights,
        envelope: Envelope,
        logger: logging.Logger,
        fates: Fates,
        on_due: Callable[[], None],
    ) -> None:
        self._store = store
        self._disk = Disk()
        self._home = home
        self._flights = flights
        self._envelope = envelope
        self._logger = logger
        self._fates = fates
        self._on_due = on_due
        self._is_failing = False
        self._interval = options.journal_interval
        self.is_durable = bool(options.durable)
        self._journaled = 0  # every message before this ordinal is on disk, or has its fate
        self._removals: list[tuple[int, int]] = []
        self._writer: Greenlet[..., None] | None = None
        self._hurry = Event()
        self._waiters: list[Waiter] = []
        self._waiting: list[Replay] = []  # pieces of a replay that was taken apart
        self._failures = 0
        self._has_more = False  # something was put or left on disk since the last look that found nothing
        self._next_look = 0.0
        self._has_timer = False  # one that calls for the next look
        self._losses: dict[str, Trouble] = {}
        self._being_kept: list[Flight] = []
        self._replaying = 0
        self._closers: list[Waiter] = []
        self._cannot_write = False

    # To disk.

    def keep(self, flight: Flight) -> bool:
        """Put a flight on disk, from where any process may send it; False where the disk refuses it. Switches."""
        rows = list(enumerate(flight.messages, flight.first))
        self._being_kept.append(flight)
        try:
            kept = self._run(partial(self._store.add, rows, owned=False), orphaned=lambda _: self._take_back(rows))
        finally:
            self._being_kept.remove(flight)
        self._has_more = True
        self._look_in(retry.backoff(self._failures + 2, 1.0))
        if not kept and self.is_durable:
            self._journaled = min(self._journaled, flight.first)  # `write` left it out meanwhile
            self.notice()
        return kept

    def _take_back(self, rows: list[tuple[int, bytes]]) -> None:
        """On disk: who kept these was killed, and has them in memory still; only the journal may hold them now."""
        self._store.add(rows, owned=True)
        if not self.is_durable:
            self._store.remove(rows[0][0], rows[-1][0] + 1)

    # Durable: every accepted message, soon.

    def notice(self) -> None:
        """A message came, or has its fate: have the disk follow within `journal_interval`. Never switches."""
        if lifecycle.has_ended(self._writer):
            self._home.call(self._start_writer)

    def settled(self, first: int, messages: int) -> None:
        """So many messages from this ordinal on have their fate, and need not be on disk. Never switches."""
        if self.is_durable:
            self._removals.append((first, first + messages))
            self.notice()

    def await_disk(self, ordinal: int) -> bool:
        """Wait until every message before `ordinal` is on disk or has its fate; False where the disk refuses it.

        Switches; not for the hub.
        """
        with lifecycle.BorrowedHub():
            waiter = Waiter(ordinal)
            self._waiters.append(waiter)
            try:
                self.notice()
                self._home.call(self._hurry.set)
                while self._journaled < ordinal and self._flights.is_ours and not self._cannot_write:
                    waiter.wait(LOOK_EVERY)
                return self._journaled >= ordinal
            finally:
                self._waiters.remove(waiter)

    def _start_writer(self) -> None:
        if lifecycle.has_ended(self._writer):
            self._writer = Greenlet.spawn(self._write_until_done)

    def _write_until_done(self) -> None:
        try:
            while self._flights.is_ours:
                if not self._waiters:
                    lifecycle.rest(self._interval, self._hurry, ref=False)
                self._hurry.clear()
                if not self.write() and not self._removals and self._flights.accepted <= self._journaled:
                    return
        finally:
            self._writer = None
            if self._flights.is_ours and self._flights.accepted > self._journaled and not self._is_failing:
                self.notice()  # killed, or a message came between the last look and the end

    def write(self) -> bool:
        """Put on disk what is new, and take off what has its fate; whether there was anything. Switches."""
        messages, end = self._flights.pending_from(self._journaled)
        if self._being_kept:
            kept = {
                ordinal for flight in self._being_kept for ordinal in range(flight.first, flight.first + len(flight))
            }
            messages = [message for message in messages if message[0] not in kept]
        removals, self._removals = self._removals, []
        if not messages and not removals:
            self._journaled = max(self._journaled, end)
            return False
        is_written = False
        try:
            is_written = self._run(partial(self._write, messages, removals))
        finally:
            if is_written:
                self._journaled = end
            else:  # or killed, with the work done or not: it may be done twice
                self._removals = removals + self._removals
            self._cannot_write = not is_written
            for waiter in list(self._waiters):
                waiter.notify()
        if not is_written:
            lifecycle.rest(retry.backoff(3, 1.0), Event(), ref=False)
        return True

    def _write(self, messages: list[tuple[int, bytes]], removals: list[tuple[int, int]]) -> None:
        if messages:
            self._store.add(messages, owned=True)
        for first, end in removals:
            self._store.remove(first, end)

    # From disk.

    def next_replay(self) -> Replay | None:
        """A batch from disk to send now; None if there is none, or this is not the time. Switches."""
        if self._waiting:
            return self._waiting.pop(0)
        now = time.monotonic()
        if now < self._next_look:
            return None
        self._next_look = now + LOOK_EVERY
        rows: list[Row] = []

        def claim() -> list[Row]:
            return self._store.claim(BATCH_BYTES - self._envelope.size - BATCH_MESSAGES, BATCH_MESSAGES)

        def forget(rows: list[Row]) -> None:
            self._store.release([row.id for row in rows])

        rows = self._result(claim, orphaned=forget) or []
        if not rows:
            self._has_more = False
            return None
        self._next_look = now  # there may be more
        replay = Replay(self._envelope, rows)
        if len(replay) < len(rows):
            self._store.release([row.id for row in rows[len(replay) :]])
        return replay

    def take_apart(self, pieces: Iterable[Flight]) -> None:
        """A replay was refused as a whole: these come next."""
        self._waiting += [piece for piece in pieces if isinstance(piece, Replay)]

    def done(self, replay: Replay) -> None:
        """The replay has its last fate: off the disk. Switches."""
        self._failures = 0
        self._run(partial(self._store.settle, replay.ids))
        for reason, trouble in self._losses.items():
            trouble.end(f"the spool is replayed; %s gone from it: {reason}")

    def back(self, replay: Replay) -> None:
        """The replay could not be delivered now: it stays on disk, for later. Never switches."""
        self._failures += 1
        self._has_more = True
        self._look_in(retry.backoff(self._failures + 1, 1.0))
        for each in [replay, *self._waiting]:
            self._store.release(each.ids)
        self._waiting.clear()

    def _look_in(self, seconds: float) -> None:
        """The next look comes in so many seconds, also where nothing is sent meanwhile. Never switches."""
        self._next_look = time.monotonic() + seconds
        self._home.call(self._set_timer)

    def _set_timer(self) -> None:
        if not self._has_timer:
            self._has_timer = True
            lifecycle.after(self._next_look - time.monotonic(), self._on_timer)

    def _on_timer(self) -> None:
        """In the hub: the look may have been put off since the timer was set."""
        self._has_timer = False
        if self._flights.is_ours:
            if time.monotonic() < self._next_look:
                self._set_timer()
            else:
                self._on_due()

    def look_now(self) -> None:
        """The next look is due, unless delivery fails: then it waits for its turn."""
        if not self._failures:
            self._next_look = 0.0

    def works_again(self) -> None:
        """A batch was delivered: whatever waits on disk may be worth a try."""
        if self._has_more:
            self._failures = 0
            self._next_look = 0.0

    @contextmanager
    def replaying(self) -> Iterator[None]:
        """While a replay is looked for, sent and settled: `finish` waits for it."""
        self._replaying += 1
        try:
            yield
        finally:
            self._replaying -= 1
            for waiter in list(self._closers):
                waiter.notify()

    # The process.

    def finish(self, deadline: float) -> None:
        """Wait until the monotonic time `deadline` for replays on their way, or the next process sends them again.

        Switches; not for the hub.
        """
        if not self._replaying or not self._flights.is_ours or not self._home.answers(deadline - time.monotonic()):
            return
        waiter = Waiter(0)
        self._closers.append(waiter)
        try:
            while self._replaying and self._flights.is_ours and (seconds := deadline - time.monotonic()) > 0:
                waiter.wait(seconds)
        finally:
            self._closers.remove(waiter)

    def close(self) -> None:
        """Leave what is on disk to others, but nothing that has its fate. Switches."""
        removals, self._removals = self._removals, []
        self._run(partial(self._write, [], removals))
        self._run(self._store.close)
        self._disk.close()

    def abandon(self) -> None:
        """In a forked child: everything is the parent's."""
        self._store.abandon()
        self._disk.abandon()
        if self._writer is not None:
            self._writer.kill(block=False)

    # Trouble.

    def _run(self, work: Callable[[], object], orphaned: Callable[[Any], object] | None = None) -> bool:
        return self._result(lambda: (work(), True)[1], orphaned=orphaned) is True

    def _result(self, work: Callable[[], Any], orphaned: Callable[[Any], object] | None = None) -> Any:
        """What the work returns; None where the disk fails, and in a forked child: it would keep what the parent sends.

        There a greenlet of the parent's may wake once more, before it learns that it was killed.
        """
        if self._flights.is_inherited:
            return None
        try:
            result = self._disk.run(work, orphaned=orphaned)
        except SpoolError as error:
            if not self._is_failing:
                self._is_failing = True
                self._logger.warning("the spool fails, and messages are kept in memory only: %s", error)
            result = None
        else:
            if self._is_failing:
                self._is_failing = False
                self._logger.info("the spool works again")
        self._tell_news()
        return result

    def _tell_news(self) -> None:
        for item in self._store.take_news():
            if isinstance(item, BadFile):
                self._logger.warning(
                    "a spool file is %s: %s; %s saved", item.reason, item.path, counted(item.salvaged, "message")
                )
            elif isinstance(item, Loss):
                trouble = self._losses.setdefault(item.reason, Trouble(self._logger))
                trouble.start("messages are gone from the spool: %s", item.reason, messages=item.messages)
                if item.is_mine:
                    self._fates.lose_spooled(item.messages, item.bodies, item.reason)
