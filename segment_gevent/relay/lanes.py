"""Lanes: messages on their way to one host with one write key, packed to batches as large as one request may be.

A lane whose host or key is in trouble is held, and the others go on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gevent.event import Event

from segment_gevent.delivery.flights import Flight
from segment_gevent.events.batch import BATCH_BYTES, BATCH_MESSAGES, Envelope
from segment_gevent.relay.received import Received


class Address(NamedTuple):
    """For whom a message is."""

    write_key: str
    host: str


class Waiting(NamedTuple):
    """A message in a lane."""

    message: bytes
    owner: Received
    since: float


class Parcel(Flight):
    """A batch of messages, each of which knows the entry that it came with."""

    __slots__ = ("lane", "owners")

    def __init__(self, lane: Lane) -> None:
        super().__init__(lane.envelope, first=0, since=time.monotonic())
        self.lane = lane
        self.owners: list[Received] = []

    def halves(self) -> list[Flight]:
        middle = len(self.messages) // 2
        pieces: list[Flight] = []
        for part in (slice(None, middle), slice(middle, None)):
            piece = Parcel(self.lane)
            piece.search = self.search
            piece.owners = self.owners[part]
            for message in self.messages[part]:
                piece.add(message)
            pieces.append(piece)
        return pieces


class Lane:
    """The messages for one address.

    Attributes:
        held_until: no batch of it is sent before this monotonic time.
        failures: batches that failed, one after another.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.envelope = Envelope(address.write_key)
        self.held_until = 0.0
        self.failures = 0
        self.size = 0
        self._waiting: deque[Waiting] = deque()
        self._returned: deque[Parcel] = deque()

    def __len__(self) -> int:
        return len(self._waiting) + sum(map(len, self._returned))

    def put(self, messages: list[bytes], owner: Received) -> None:
        now = time.monotonic()
        self._waiting.extend(Waiting(message, owner, now) for message in messages)
        self.size += owner.size

    def put_back(self, parcels: list[Parcel]) -> None:
        """Before all that waits."""
        self._returned.extendleft(reversed(parcels))
        self.size += sum(parcel.size for parcel in parcels)

    def ready_at(self, linger: float) -> float:
        """The monotonic time from which a batch of it should go."""
        if self._returned:
            return self.held_until
        if not self._waiting:
            return float("inf")
        is_full = self.size >= BATCH_BYTES or len(self._waiting) >= BATCH_MESSAGES
        return max(self.held_until, 0.0 if is_full else self._waiting[0].since + linger)

    def take(self) -> Parcel | None:
        """The next batch; None where all of it was another relay's by now."""
        if self._returned:
            parcel = self._returned.popleft()
            self.size = max(0, self.size - parcel.size)
            return parcel
        parcel = Parcel(self)
        while self._waiting:
            message, owner, _ = self._waiting[0]
            if not owner.is_lost:
                if not parcel.fits(message) and parcel.owners:
                    break
                parcel.add(message)
                parcel.owners.append(owner)
            self._waiting.popleft()
            self.size = max(0, self.size - len(message))
        if not self._waiting and not self._returned:
            self.size = 0
        return parcel if parcel.owners else None


class Lanes:
    """All lanes, and who waits for a batch of any."""

    def __init__(self, linger: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.linger = linger
        self._clock = clock
        self._lanes: dict[Address, Lane] = {}
        self._changed = Event()

    def __iter__(self) -> Iterator[Lane]:
        return iter(list(self._lanes.values()))

    def __len__(self) -> int:
        """Messages that wait in all of them."""
        return sum(len(lane) for lane in self)

    def put(self, address: Address, messages: list[bytes], owner: Received) -> None:
        lane = self._lanes.get(address)
        if lane is None:
            lane = self._lanes[address] = Lane(address)
        lane.put(messages, owner)
        self._changed.set()

    def put_back(self, parcels: list[Parcel]) -> None:
        """What was taken apart, or may be tried again: it goes before all else of its lane. Never switches."""
        if parcels:
            parcels[0].lane.put_back(parcels)
            self._changed.set()

    def hurry(self) -> None:
        """Fill no more batches: what is there goes. A lane that is held stays held."""
        self.linger = 0.0
        self._changed.set()

    def take(self) -> Parcel:
        """The next batch, of the lane that is ready for the longest. Waits for one."""
        while True:
            self._changed.clear()
            now = self._clock()
            lanes = sorted(((lane.ready_at(self.linger), index, lane) for index, lane in enumerate(self)))
            for ready_at, _, lane in lanes:
                if ready_at > now:
                    break
                if (parcel := lane.take()) is not None:
                    return parcel
            soonest = min((lane.ready_at(self.linger) for lane in self), default=float("inf"))
            self._changed.wait(None if soonest == float("inf") else max(0.001, soonest - now))
