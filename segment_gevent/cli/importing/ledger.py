"""Which lines of one file have their fate: all up to one of them, and some behind it. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from segment_gevent.cli.importing.records import Record


@dataclass(eq=False, slots=True)
class Entry:
    """One record on its way, without its values; `twin` is another whose message has the same id."""

    ledger: Ledger
    line: int
    last: int
    checksum: int
    raw: bytes
    is_settled: bool
    twin: Entry | None = None


@dataclass
class Ledger:
    """One file's book.

    Attributes:
        line: every line to this one has its fate; `checksum` is theirs.
        beyond: spans of lines behind it that had their fate when an earlier run ended.
        delivered, rejected: how many records had which fate, earlier runs included.
        size: bytes of the records that this remembers.
        is_complete: whether the file was read to its end; some of its last lines may still wait for their fate.
    """

    line: int = 0
    checksum: int = 0
    beyond: list[tuple[int, int]] = field(default_factory=list)
    delivered: int = 0
    rejected: int = 0
    is_complete: bool = False

    COUNTS: ClassVar = ("line", "checksum", "delivered", "rejected")

    def __post_init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self.size = 0

    @property
    def waiting(self) -> int:
        """Records that this remembers: those without a fate, and those behind one of them."""
        return len(self._entries)

    def enter(self, record: Record) -> Entry | None:
        """Take a record in; None if it had its fate in an earlier run."""
        is_settled = bool(self.beyond) and self._was_settled(record.line)
        entry = Entry(self, record.line, record.last, record.checksum, record.raw, is_settled)
        self._entries.append(entry)
        self.size += len(entry.raw)
        if not entry.is_settled:
            return entry
        self._advance()
        return None

    def settle(self, entry: Entry, *, is_delivered: bool) -> None:
        """The record has its fate."""
        if is_delivered:
            self.delivered += 1
        else:
            self.rejected += 1
        entry.is_settled = True
        self._advance()

    def as_json(self) -> dict[str, Any]:
        """What a later run needs."""
        return {
            **{name: getattr(self, name) for name in self.COUNTS},
            "beyond": [[first, last] for first, last in self._spans()],
            "complete": self.is_complete and not self._entries,
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Ledger:
        """What `as_json` made.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        beyond = [(int(first), int(last)) for first, last in kept["beyond"]]
        line, checksum, delivered, rejected = (int(kept[name]) for name in cls.COUNTS)
        return cls(line, checksum, beyond, delivered, rejected)

    def _was_settled(self, line: int) -> bool:
        while self.beyond and self.beyond[0][1] < line:
            self.beyond.pop(0)
        return bool(self.beyond) and self.beyond[0][0] <= line

    def _advance(self) -> None:
        entries = self._entries
        while entries and entries[0].is_settled:
            entry = entries.popleft()
            self.line, self.checksum = entry.last, entry.checksum
            self.size -= len(entry.raw)

    def _spans(self) -> Iterator[tuple[int, int]]:
        first = last = None
        for entry in self._entries:
            if entry.is_settled:
                first, last = first or entry, entry
            elif first and last:
                yield first.line, last.last
                first = last = None
        if first and last:
            yield first.line, last.last
        newest = self._entries[-1].last if self._entries else self.line
        yield from (span for span in self.beyond if span[1] > newest)
