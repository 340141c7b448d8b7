"""An entry in a relay's hands, and the dead letters that came of it."""

from __future__ import annotations

from typing import NamedTuple

from segment_gevent.delivery.outbox.entry import Entry


class Letter(NamedTuple):
    """Messages that can't be delivered, and why."""

    reason: str
    fields: dict[str, str | bytes]
    messages: int


class Received:
    """An entry that this relay has, until all of its messages have their fate.

    Attributes:
        left: messages without a fate.
        delivered: those that Segment took.
        added: when it was added, Unix time in seconds, by the clock of who added it.
        letters: those that became dead letters; they are written in the step that takes the entry off the stream.
        is_lost: another relay has it by now.
    """

    __slots__ = ("added", "delivered", "id", "is_lost", "left", "letters", "size")

    def __init__(self, entry_id: bytes, entry: Entry | None) -> None:
        self.id = entry_id
        self.left = 0 if entry is None else len(entry.messages)
        self.size = 0 if entry is None else sum(map(len, entry.messages))
        self.added = 0.0 if entry is None else entry.added
        self.delivered = 0
        self.letters: list[Letter] = []
        self.is_lost = False

    def __repr__(self) -> str:
        return f"<Received {self.id.decode()}, {self.left} left>"
