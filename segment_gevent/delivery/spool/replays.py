"""Replays: batches that come back from disk, and when each is sent.

They come oldest first, one after another while delivery works. While it does not, one at a time is tried, later and
later; and a batch that failed waits for its own time besides, so that one which is refused again and again holds up no
other for long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from segment_gevent.delivery import lifecycle, retry
from segment_gevent.delivery.flights import Flight, Flights
from segment_gevent.delivery.lifecycle import Home
from segment_gevent.delivery.spool.pulse import Pulse
from segment_gevent.delivery.spool.storage import READING, Storage
from segment_gevent.delivery.spool.store import Row, RowId
from segment_gevent.delivery.waiter import Waiters
from segment_gevent.events.batch import BATCH_BYTES, BATCH_MESSAGES, Envelope

LOOK_EVERY = 10.0
"""Seconds between two looks into the directory for what other processes left, where nothing else gives a reason."""

RESTING_BYTES = 4 * BATCH_BYTES
"""So much of what failed rests in memory, at most, while what comes after it on disk is tried."""

STOPPED_AFTER = 30.0
"""Seconds: a process whose hub does not turn for so long gives others' files back, and for `send_timeout` at least."""

REST_AT_MOST = 3600.0
"""Seconds, or a tenth of `spool_max_age`, after which it is the disk's again, which knows what has become too old."""


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


class Replays:
    """Hands out what is on disk, a batch at a time, and hears how it went."""

    def __init__(
        self,
        storage: Storage,
        *,
        max_age: float,
        send_timeout: float,
        envelope: Envelope,
        home: Home,
        flights: Flights,
        on_due: Callable[[], None],
    ) -> None:
        self._storage = storage
        self._rest_at_most = min(REST_AT_MOST, max_age / 10)
        self._envelope = envelope
        self._home = home
        self._flights = flights
        self._on_due = on_due
        self._pieces: list[Replay] = []  # of one that was taken apart
        self._resting: list[Replay] = []  # failed, until their `not_before`
        self._failures = 0  # one after another
        self._has_more = False  # something was put or left on disk since the last look that found nothing
        self._next_look = 0.0
        self._timer_at = 0.0  # when the timer calls for the next look
        self._under_way = 0
        self._closers = Waiters()
        self._pulse = Pulse(
            home,
            # After which also what was being sent has timed out.
            longest_stop=max(STOPPED_AFTER, send_timeout),
            on_steady=self._take_over,
            on_stop=self._give_back,
        )

    def next(self) -> Replay | None:
        """A batch from disk to send now; None if there is none, or this is not the time. Switches."""
        now = time.monotonic()
        if now < self._next_look:
            return None
        self._pulse.feel()
        self._forget_given_back()
        # The rested first: where each piece of a batch fails once, their success shortens the wait for the others.
        if (rested := self._rested(now)) is not None:
            return rested
        if self._pieces:
            return self._pieces.pop(0)
        if sum(replay.size for replay in self._resting) < RESTING_BYTES and (claimed := self._claim()) is not None:
            return claimed
        self._has_more = bool(self._resting)
        ends = [replay.not_before - now for replay in self._resting]
        if ends:
            self._look_in(min(LOOK_EVERY, *ends))
        else:
            self._next_look = now + LOOK_EVERY
        return None

    def _rested(self, now: float) -> Replay | None:
        """One that failed, and whose time has come."""
        for replay in [replay for replay in self._resting if replay.not_before <= now]:
            self._resting.remove(replay)
            if now - replay.since < self._rest_at_most:
                return replay
            self._storage.store.release(replay.ids)
        return None

    def _claim(self) -> Replay | None:
        """The oldest messages on disk that nobody has. Switches."""
        store = self._storage.store

        only_own = not self._pulse.is_steady

        def claim() -> list[Row]:
            try:
                size = BATCH_BYTES - self._envelope.size - BATCH_MESSAGES
                return store.claim(size, BATCH_MESSAGES, only_own=only_own)
            finally:
                if store.has_taken_over:  # from before the hub hears of it: it may not turn any more
                    self._pulse.watch()

        def forget(rows: list[Row]) -> None:
            store.release([row.id for row in rows])

        self._next_look = time.monotonic() + LOOK_EVERY  # for another greenlet: one look at a time
        rows = self._storage.result(claim, orphaned=forget, proves=READING)
        if not rows or not store.has(row.id for row in rows):
            return None
        self._next_look = 0.0  # there may be more
        replay = Replay(self._envelope, rows)
        if len(replay) < len(rows):
            forget(rows[len(replay) :])
        return replay

    # Whose files.

    def take_over_now(self) -> None:
        """Somebody asked for a look: this is no server's master that only loads the application."""
        self._pulse.assume_steady()

    def _take_over(self) -> None:
        """In the hub, which turns steadily; it may be a forked child's."""
        if self._flights.is_ours:
            self.look_now()
            self._on_due()

    def _give_back(self) -> None:
        """In a native thread: the hub has stopped, maybe for good."""
        self._storage.later(self._storage.store.give_back)

    def _forget_given_back(self) -> None:
        """The hub turns again: what it had may be another's now."""
        store = self._storage.store
        self._resting = [replay for replay in self._resting if store.has(replay.ids)]
        self._pieces = [replay for replay in self._pieces if store.has(replay.ids)]

    # How it went.

    def take_apart(self, pieces: Iterable[Flight]) -> None:
        """A replay was refused as a whole: these come next."""
        self._pieces += [piece for piece in pieces if isinstance(piece, Replay)]

    def done(self, replay: Replay) -> None:
        """The replay has its last fate: off the disk. Switches."""
        self._failures = 0
        self._storage.run(partial(self._storage.store.settle, replay.ids))
        self._storage.say_replayed()

    def back(self, replay: Replay, asked: float = 0.0) -> None:
        """The replay could not be delivered now: it stays on disk, for later, after the seconds `asked` at least.

        Never switches.
        """
        self._failures += 1
        self._has_more = True
        # Twice what others wait for, so that one of them is tried before it is again.
        own = max(asked, retry.backoff(replay.attempts + 2, 1.0))
        replay.not_before = time.monotonic() + own
        replay.limits = 0  # a rate limit is no longer one after another, after so long
        self._resting.append(replay)
        self._look_in(max(asked, retry.backoff(self._failures + 1, 1.0)))

    # When.

    def look_soon(self) -> None:
        """Something was put on disk: look after a little while, in which delivery may recover. Never switches."""
        self._has_more = True
        self._look_in(retry.backoff(self._failures + 2, 1.0))

    def look_now(self) -> None:
        """The next look is due, unless delivery fails: then it waits for its turn."""
        if not self._failures:
            self._next_look = 0.0

    def works_again(self) -> None:
        """A batch was delivered: whatever waits on disk may be worth a try."""
        if self._has_more:
            self._failures = 0
            self._next_look = 0.0

    def put_off(self, until: float) -> None:
        """No look before the monotonic time `until`, when a rate limit is over. Never switches."""
        if self._has_more:
            self._look_in(until - time.monotonic())

    def _look_in(self, seconds: float) -> None:
        """The next look comes in so many seconds, also where nothing is sent meanwhile. Never switches."""
        self._next_look = time.monotonic() + seconds
        self._home.call(self._set_timer)

    def _set_timer(self) -> None:
        now = time.monotonic()
        if not now <= self._timer_at <= self._next_look:  # one that is overdue may have ended with its hub
            self._timer_at = self._next_look
            lifecycle.after(max(0.0, self._next_look - now), self._on_timer)

    def _on_timer(self) -> None:
        """In the hub: the look may have been put off since the timer was set."""
        self._timer_at = 0.0
        if self._flights.is_ours:
            if time.monotonic() < self._next_look:
                self._set_timer()
            else:
                self._on_due()

    # The end.

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """While a replay is looked for, sent and settled: `finish` waits for it."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._closers.notify()

    def finish(self, deadline: float) -> None:
        """Wait until the monotonic time `deadline` for replays on their way, or the next process sends them again.

        Switches; not for the hub.
        """
        self._pulse.end()
        if not self._under_way or not self._flights.is_ours or not self._home.answers(deadline - time.monotonic()):
            return
        with self._closers.waiting() as waiter:
            while self._under_way and self._flights.is_ours and (seconds := deadline - time.monotonic()) > 0:
                waiter.wait(seconds)
