"""A parcel: a batch of messages that came with several entries, and know with which."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from segment_gevent.delivery.flights import Flight
from segment_gevent.events.batch import BATCH_BYTES, BATCH_MESSAGES, Envelope
from segment_gevent.relay.received import Received


class Address(NamedTuple):
    """For whom messages are."""

    write_key: str
    host: str


class Load(NamedTuple):
    """Messages of one entry, one after another: handled as one, since there may be thousands a batch."""

    owner: Received
    messages: list[bytes]
    size: int
    """Bytes, with a comma for each message."""
    since: float
    """When the relay got it, in monotonic seconds."""

    def cut(self, at: int) -> tuple[Load, Load]:
        """The first `at` messages, and the others."""
        if at >= len(self.messages):
            return self, Load(self.owner, [], 0, self.since)
        head = self.messages[:at]
        size = sum(map(len, head)) + at
        return (
            Load(self.owner, head, size, self.since),
            Load(self.owner, self.messages[at:], self.size - size, self.since),
        )


def load_of(owner: Received, messages: list[bytes]) -> Load:
    return Load(owner, messages, sum(map(len, messages)) + len(messages), time.monotonic())


class Parcel(Flight):
    """A batch for one address."""

    __slots__ = ("address", "loads", "refusals")

    def __init__(self, address: Address, envelope: Envelope, loads: Iterable[Load] = ()) -> None:
        super().__init__(envelope, first=0, since=time.monotonic())
        self.address = address
        self.loads: list[Load] = []
        self.refusals = 0
        """Answers about its sender."""
        for load in loads:
            self.put(load)

    def put(self, load: Load) -> None:
        """Add messages, whether they fit or not."""
        self.size += load.size - (not self.messages)  # no comma before the first
        self.messages += load.messages
        self.loads.append(load)

    def fitting(self, load: Load) -> int:
        """How many of its messages fit, from the first on."""
        count = len(self.messages)
        if count + len(load.messages) <= BATCH_MESSAGES and self.size + load.size <= BATCH_BYTES:
            return len(load.messages)
        fits, size = 0, self.size
        for message in load.messages[: BATCH_MESSAGES - count]:
            size += len(message) + 1
            if size > BATCH_BYTES:
                break
            fits += 1
        return fits

    def halves(self) -> list[Flight]:
        """What it is taken apart into: entries are parted first, since each is one client's batch.

        The search for a bad message has an end, and each entry has one of its own: else one client's bad messages
        would cost the others' good ones.
        """
        if len(self.loads) == 1:
            pieces = [Parcel(self.address, self._envelope, [load]) for load in self.loads[0].cut(len(self) // 2)]
            for piece in pieces:
                piece.search = self.search
        else:
            middle = len(self.loads) // 2
            pieces = [Parcel(self.address, self._envelope, part) for part in (self.loads[:middle], self.loads[middle:])]
            for piece in pieces:
                piece.search.has_new_token = self.search.has_new_token
        return [*pieces]
