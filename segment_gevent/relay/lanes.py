"""Lanes: messages on their way to one host with one write key, packed to batches as large as one request may be.

A lane whose host or key is in trouble is held, and the others go on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from gevent.event import Event

from segment_gevent.events.batch import BATCH_BYTES, BATCH_MESSAGES, Envelope
from segment_gevent.relay.parcel import Address, Load, Parcel
from segment_gevent.relay.received import Received

FULL_ENOUGH = 0.75 * BATCH_BYTES
"""Bytes, from where on a batch goes rather than have part of an entry: an entry in two requests waits for both."""

FORGOTTEN_AFTER = 60.0
"""Seconds without a message, after which a lane is let go of: a stream may name any number of keys and hosts."""

NEVER = float("inf")


class Lane:
    """The messages for one address.

    Attributes:
        held_until: its host or key is in trouble, and no batch of it is sent before this monotonic time.
        turn_at: nor before this one, by the fleet's rate to its host.
        failures: batches that failed, one after another.
        size: bytes that wait.
        used_at: when something was put there or taken last, in monotonic seconds.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.held_until = 0.0
        self.turn_at = 0.0
        self.failures = 0
        self.size = 0
        self._count = 0
        self.used_at = 0.0
        self._envelope = Envelope(address.write_key)
        self._loads: deque[Load] = deque()
        self._returned: deque[Parcel] = deque()

    def __len__(self) -> int:
        """Messages."""
        return self._count

    def put(self, load: Load) -> None:
        self._loads.append(load)
        self._grow(load.size, len(load.messages))

    def put_back(self, parcels: Sequence[Parcel]) -> None:
        """Before all that waits."""
        self._returned.extendleft(reversed(parcels))
        for parcel in parcels:
            self._grow(parcel.size, len(parcel))

    def ready_at(self, linger: float) -> float:
        """The monotonic time from which a batch of it should go."""
        if not self._returned and not self._loads:
            return NEVER
        is_full = self._returned or self.size >= BATCH_BYTES or self._count >= BATCH_MESSAGES
        return max(self.held_until, self.turn_at, 0.0 if is_full else self._loads[0].since + linger)

    def take(self) -> Parcel | None:
        """The next batch; None where all of it is another relay's by now."""
        if self._returned:
            parcel = self._returned.popleft()
            self._grow(-parcel.size, -len(parcel))
            return parcel
        parcel = Parcel(self.address, self._envelope)
        while self._loads:
            load = self._loads[0]
            fits = len(load.messages) if load.owner.is_lost else parcel.fitting(load)
            if fits < len(load.messages) and (parcel.size > FULL_ENOUGH or (not fits and parcel.loads)):
                break
            head, tail = load.cut(max(1, fits))  # one that fits nowhere goes alone
            if tail.messages:
                self._loads[0] = tail
            else:
                self._loads.popleft()
            self._grow(-head.size, -len(head.messages))
            if not head.owner.is_lost:
                parcel.put(head)
            if tail.messages:
                break
        return parcel if parcel.loads else None

    def shed(self, most: int) -> list[Received]:
        """Let the latest entries go until at most so many bytes wait; only whole ones."""
        gone = []
        while self._loads and self.size > most and len(self._loads[-1].messages) == self._loads[-1].owner.left:
            load = self._loads.pop()
            self._grow(-load.size, -len(load.messages))
            gone.append(load.owner)
        return gone

    def _grow(self, size: int, count: int) -> None:
        self.size += size
        self._count += count


class Lanes:
    """All lanes, and who waits for a batch of any."""

    def __init__(self, linger: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._linger = linger
        self._clock = clock
        self._lanes: dict[Address, Lane] = {}
        self._changed = Event()

    def __iter__(self) -> Iterator[Lane]:
        return iter(list(self._lanes.values()))

    def __len__(self) -> int:
        """Messages that wait in all of them."""
        return sum(len(lane) for lane in self)

    def __getitem__(self, address: Address) -> Lane:
        lane = self._lanes.get(address)
        if lane is None:
            lane = self._lanes[address] = Lane(address)
        lane.used_at = self._clock()
        return lane

    @property
    def held(self) -> list[Lane]:
        now = self._clock()
        return [lane for lane in self if lane.held_until > now]

    def put(self, address: Address, load: Load) -> None:
        """Never switches."""
        self[address].put(load)
        self._changed.set()

    def put_back(self, parcels: Sequence[Parcel]) -> None:
        """What was taken apart, or may be tried again: it goes before all else of its lane. Never switches."""
        if parcels:
            self[parcels[0].address].put_back(parcels)
            self._changed.set()

    def hold(self, host: str, seconds: float) -> list[Lane]:
        """A rate limit of the host is on: no batch goes there for so long. The lanes that are concerned."""
        until = self._clock() + seconds
        lanes = self._to(host)
        for lane in lanes:
            lane.held_until = max(lane.held_until, until)
        return lanes

    def defer(self, host: str, seconds: float) -> None:
        """No batch goes to the host for so long, since the turns until then are others'."""
        turn = self._clock() + seconds
        for lane in self._to(host):
            lane.turn_at = turn

    def forget_idle(self) -> None:
        """Let go of lanes that nothing came for, for a while."""
        now = self._clock()
        for lane in self:
            if not lane and now > max(lane.used_at + FORGOTTEN_AFTER, lane.held_until):
                del self._lanes[lane.address]

    def hurry(self) -> None:
        """Fill no more batches: what is there goes. A lane that is held stays held."""
        self._linger = 0.0
        self._changed.set()

    def take(self) -> Parcel:
        """The next batch, of the lanes that are ready in turn. Waits for one."""
        while True:
            self._changed.clear()
            if (parcel := self._ready()) is not None:
                return parcel
            soonest = min((lane.ready_at(self._linger) for lane in self), default=NEVER)
            self._changed.wait(None if soonest == NEVER else max(0.001, soonest - self._clock()))

    def _ready(self) -> Parcel | None:
        now = self._clock()
        for lane in self:
            if lane.ready_at(self._linger) <= now and (parcel := lane.take()) is not None:
                self._lanes[lane.address] = self._lanes.pop(lane.address)  # to the end: the others are before it
                lane.used_at = now
                return parcel
        return None

    def _to(self, host: str) -> list[Lane]:
        return [lane for lane in self if lane.address.host == host]
