"""What is under way: the flights that were taken from the buffer and have no fate yet, and who carries each.

Every message that was ever put has an ordinal. A flight holds a run of them, so "everything before this ordinal has
its fate" is one comparison, however many flights are out and in whatever order they end.
"""

from __future__ import annotations

import os
import time
from _thread import RLock  # native, whatever the application patched; never held across a switch
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gevent import getcurrent

from segment_gevent.delivery import lifecycle
from segment_gevent.delivery.buffer import Buffer
from segment_gevent.events.batch import Batch, Envelope

if TYPE_CHECKING:
    from greenlet import greenlet


class Search:
    """The search for bad messages in a batch that was refused as a whole, shared by all of its parts."""

    __slots__ = ("has_new_token", "splits")

    def __init__(self) -> None:
        self.splits = 0
        self.has_new_token = False  # a 400 has cost one token, and is no reason to ask for another


class Flight(Batch):
    """A batch that was taken from the buffer, until it has its fate."""

    __slots__ = (
        "attempts",
        "authorization",
        "carrier",
        "first",
        "has_new_token",
        "is_extra",
        "is_settled",
        "keeper",
        "limited_since",
        "limits",
        "not_before",
        "retries",
        "search",
        "sent_at",
        "since",
        "started",
    )

    def __init__(self, envelope: Envelope, *, first: int, since: float) -> None:
        super().__init__(envelope)
        self.first = first  # the ordinal of its first message
        self.since = since  # when that message came, in monotonic seconds
        self.carrier: greenlet | None = None  # who sends it
        self.attempts = 0
        self.retries = 0  # attempts that count against `max_retries`
        self.limits = 0  # answers, one after another, that were a rate limit
        self.limited_since = 0.0  # when the first of those came, in monotonic seconds
        self.not_before = 0.0  # when it may be tried again, in monotonic seconds
        self.started = 0.0  # when it was first sent, in monotonic seconds
        self.search = Search()
        self.authorization = ""  # what its last attempt was sent with
        self.has_new_token = False  # it was tried again since its token was refused
        self.sent_at = ""
        self.is_settled = False
        self.is_extra = False  # it left a full buffer for the disk, and not to be sent
        self.keeper: object = None  # stands for who had it put on disk last

    def cut(self, at: int) -> tuple[Flight, Flight]:
        """Two flights of its messages, the first `at` in one and the others in the other; they have not been sent.

        Either may be empty: so is the first where `at` is negative.
        """
        at = max(0, min(at, len(self.messages)))
        pieces = []
        for first, messages in ((0, self.messages[:at]), (at, self.messages[at:])):
            piece = Flight(self._envelope, first=self.first + first, since=self.since)
            piece.search = self.search
            for message in messages:
                piece.add(message)
            pieces.append(piece)
        return pieces[0], pieces[1]

    def halves(self) -> list[Flight]:
        """What it is taken apart into."""
        return [*self.cut(len(self.messages) // 2)]


class Flights:
    """Hands flights out to be carried, takes them back, and knows what is settled. Its methods never switch.

    Several greenlets, native threads and signal handlers may ask at once: at shutdown a caller takes over what the
    flusher's greenlets carry.
    """

    def __init__(self, buffer: Buffer, envelope: Envelope, *, max_in_flight: int) -> None:
        self.out: list[Flight] = []
        """In flight: somebody carries it."""
        self.returned: list[Flight] = []
        """Came back without an outcome: these go before all that waits, with the attempts that they had."""
        self.is_over = False
        """Whether nobody sends from here any more."""
        self.last_new = float("-inf")
        """When the last new flight was made, in monotonic seconds."""
        self._buffer = buffer
        self._envelope = envelope
        self._max_in_flight = max_in_flight
        self._pid = os.getpid()
        self._turn = RLock()

    @property
    def is_ours(self) -> bool:
        """Whether this process sends from here: not over, and not inherited from a parent.

        In a forked child the lock may be held by a thread that is no more, so that this is asked before it is taken.
        """
        return not self.is_over and not self.is_inherited

    @property
    def is_inherited(self) -> bool:
        """Whether this is a forked child, and everything here its parent's."""
        return self._pid != os.getpid()

    @property
    def has_room(self) -> bool:
        return len(self.out) < self._max_in_flight

    def __bool__(self) -> bool:
        """Whether anything is under way."""
        return bool(self.out or self.returned)

    def __iter__(self) -> Iterator[Flight]:
        return iter([*self.out, *self.returned])

    @property
    def settled(self) -> int:
        """Every message before this ordinal has its fate."""
        with self._turn:
            return min((flight.first for flight in self), default=self._buffer.taken)

    @property
    def accepted(self) -> int:
        """The ordinal that the next message gets."""
        return self._buffer.accepted

    def pending_from(self, ordinal: int) -> tuple[list[tuple[int, bytes]], int]:
        """The messages from `ordinal` on that have no fate yet, each with its own; and the ordinal after the last."""
        with self._turn:
            first_waiting = max(ordinal, self._buffer.taken)
            waiting = self._buffer.tail(first_waiting)
            flights = [flight for flight in self if not flight.is_settled and flight.first + len(flight) > ordinal]
        pending: list[tuple[int, bytes]] = []
        for flight in sorted(flights, key=lambda each: each.first):
            begin = max(ordinal, flight.first)
            pending += enumerate(flight.messages[begin - flight.first :], begin)
        pending += enumerate(waiting, first_waiting)
        return pending, first_waiting + len(waiting)

    def next(self, *, is_extra: bool = False) -> Flight | None:
        """A flight for the caller to carry: one that came back, else a new one; None if there is none, or no room.

        An extra one is not sent but put on disk, so that `max_in_flight` does not bound it. It is new; or it comes back
        from a disk that refused it: else each refusal would have the buffer's memory once more.
        """
        with self._turn:
            if not self.has_room and not is_extra:
                return None
            back = [flight for flight in self.returned if not is_extra or (flight.is_extra and not flight.attempts)]
            if back:
                self.returned.remove(back[0])
                back[0].carrier = getcurrent()
                self.out.append(back[0])
                return back[0]
            if not self._buffer.waiting():
                return None
            flight = Flight(self._envelope, first=self._buffer.taken, since=self._buffer.oldest or time.monotonic())
            flight.carrier = getcurrent()
            flight.is_extra = is_extra
            self.out.append(flight)
            self._buffer.fill(flight)
            self.last_new = time.monotonic()
            return flight

    def drop_oldest(self) -> bytes | None:
        """The oldest waiting message, which is the caller's to settle; None if none waits."""
        with self._turn:
            return self._buffer.take() if self._buffer.waiting() else None

    def claim(self, flight: Flight) -> bool:
        """Whether the flight is the caller's to settle: at the end another thread may have sent or dropped it too.

        It stays in flight until it is `done`, so that no flush returns between its removal and its callbacks.
        """
        if not self.is_ours:
            return False
        with self._turn:
            is_free = flight in self.out and not flight.is_settled
            flight.is_settled = flight.is_settled or is_free
        return is_free

    def done(self, flight: Flight) -> None:
        """The flight that was claimed has its fate."""
        with self._turn:
            self.out.remove(flight)

    def give_back(self, flight: Flight, pieces: Sequence[Flight] = ()) -> bool:
        """The flight has no outcome: it, or what it was taken apart into, goes before all that waits; if it did."""
        if not self.is_ours:
            return False
        with self._turn:
            if flight.is_settled or flight not in self.out:
                return False
            self.out.remove(flight)
            self.returned += pieces or [flight]
            self.returned.sort(key=lambda each: each.first)
        return True

    def take_back(self, carrier: object = None) -> bool:
        """Take back what `carrier`, or any greenlet that has ended, has in flight; whether there was any.

        A signal handler may raise between any two steps of a greenlet, and so between those that put a flight in its
        care and the one that sends it.
        """
        if not self.is_ours:
            return False
        with self._turn:
            stray = [f for f in self.out if f.carrier is carrier or lifecycle.has_ended(f.carrier)]
            for flight in stray:
                if flight.is_settled:
                    self.out.remove(flight)
                else:
                    self.give_back(flight)
        return bool(stray)

    def seize(self) -> bool:
        """Take back everything: whoever carries it sits in a hub that no longer turns."""
        return sum(self.give_back(flight) for flight in list(self.out)) > 0

    def stop(self) -> list[Flight]:
        """Send no more from here; what was pending comes in flights, for the caller to settle."""
        with self._turn:
            self.is_over = True
            settled = [flight for flight in self.out if flight.is_settled]
            left = sorted(
                [*self.returned, *(flight for flight in self.out if not flight.is_settled)], key=lambda each: each.first
            )
            self.out.clear()
            self.returned.clear()
            while (flight := self.next()) is not None:
                self.out.remove(flight)
                left.append(flight)
            self.out += settled  # whoever settles one removes it
        return left

    def forget(self) -> None:
        """In a forked child: what is under way is the parent's."""
        self.is_over = True
        self.out.clear()
        self.returned.clear()
