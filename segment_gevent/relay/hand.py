"""What a relay has in hand: entries of the stream, from when it got them until they are off the stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice

from gevent.event import Event

from segment_gevent.delivery.outbox.entry import IDENTITY, UnreadableEntryError, fields, read, said
from segment_gevent.relay.counts import Counts
from segment_gevent.relay.group import Given, letter
from segment_gevent.relay.lanes import Lanes
from segment_gevent.relay.parcel import Address, Load, Parcel, load_of
from segment_gevent.relay.received import Letter, Received

OVERHEAD = 200
"""Bytes of memory that an entry takes besides its messages, about."""

MOST_FIELDS = 100
"""Of a dead letter; ours has seven, and a script in Redis can pass on some 8,000 arguments."""


class Hand:
    """The entries, and who waits for room or for their end. Its methods never switch."""

    def __init__(self, lanes: Lanes, counts: Counts, *, host: str, max_bytes: int, max_deliveries: int) -> None:
        self.held: dict[bytes, Received] = {}
        self.size = 0
        """Bytes."""
        self.done: deque[Received] = deque()
        """All of their messages have their fate: they are to be taken off the stream."""
        self.parked: list[Received] = []
        """For a lane that is held, and too many: they are to be put aside in the stream."""
        self.is_done = Event()
        """Set where there is something in `done` or `parked`."""
        self.is_eased = Event()
        """Set whenever an entry left."""
        self._lanes = lanes
        self._counts = counts
        self._host = host
        self._max_bytes = max_bytes
        self._max_deliveries = max_deliveries

    @property
    def room(self) -> int:
        """Bytes."""
        return self._max_bytes - self.size

    def receive(self, given: Given, deliveries: int = 1) -> None:
        """An entry was read or, with what it says of earlier deliveries, claimed."""
        entry_id, raw = given
        if entry_id in self.held:  # it was idle for too long, and this relay claimed it of itself
            self.held[entry_id].is_lost = False
            return
        try:
            entry = read(raw)
        except UnreadableEntryError as error:
            self._bury(entry_id, raw, f"the entry cannot be read: {error}")
            return
        if deliveries > self._max_deliveries:
            self._bury(entry_id, raw, f"handed out {deliveries} times, and never finished")
            return
        received = Received(entry_id, entry)
        address = Address(entry.write_key, self._host or entry.host)
        self._hold(received)
        if self._lanes[address] in self._lanes.held and self._held_size() > self._max_bytes / 2:
            self._park([received])
        else:
            self._lanes.put(address, load_of(received, entry.messages))

    def relieve(self, address: Address) -> None:
        """A lane is held: all that are get half of the room, or nothing would be left for the others."""
        lane = self._lanes[address]
        over = self._held_size() - self._max_bytes // 2
        if over > 0:
            self._park(lane.shed(max(0, lane.size - over)))

    def settle(self, parcel: Parcel, reason: str = "") -> None:
        """The messages were delivered or, for a `reason`, are dead letters."""
        if reason:
            self._counts.dead += len(parcel)
        else:
            self._counts.delivered += len(parcel)
        for load in parcel.loads:
            owner = load.owner
            owner.left -= len(load.messages)
            if reason:
                owner.letters.append(_letter_of(parcel.address, load, reason))
            else:
                owner.delivered += len(load.messages)
            if not owner.left:
                self._finish(owner)

    def _held_size(self) -> int:
        return sum(lane.size for lane in self._lanes.held)

    def _park(self, entries: Sequence[Received]) -> None:
        self.parked += entries
        self.drop(entries)
        self._counts.entries_parked += len(entries)
        if self.parked:
            self.is_done.set()

    def drop(self, entries: Sequence[Received]) -> None:
        """They are off the stream, or another relay's."""
        for each in entries:
            if self.held.pop(each.id, None) is not None:
                self.size -= each.size + OVERHEAD
        self.is_eased.set()

    def _hold(self, received: Received) -> None:
        self.held[received.id] = received
        self.size += received.size + OVERHEAD

    def _finish(self, received: Received) -> None:
        if not received.is_lost:
            self.done.append(received)
            self.is_done.set()

    def _bury(self, entry_id: bytes, raw: Mapping[bytes, bytes], reason: str) -> None:
        """The whole entry is a dead letter, as it is, but for fields past `MOST_FIELDS`."""
        received = Received(entry_id, None)
        count = said(raw) or 1
        kept: dict[str, str | bytes] = {
            name.decode("latin-1"): value for name, value in islice(raw.items(), MOST_FIELDS)
        }
        received.letters.append(letter(reason, {**kept, "from": entry_id}, count))
        self._counts.dead += count
        self._hold(received)
        self._finish(received)


def _letter_of(address: Address, load: Load, reason: str) -> Letter:
    """A new entry of some messages of an old one."""
    form = fields(
        write_key=address.write_key,
        host=address.host,
        body=b"\n".join(load.messages),
        encoding=IDENTITY,
        count=len(load.messages),
        now=load.owner.added,
    )
    return letter(reason, {**form, "from": load.owner.id}, len(load.messages))
