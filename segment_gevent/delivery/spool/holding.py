"""A spool file that this process answers for: the journal, its lock, and which of its messages are handed out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from segment_gevent.delivery.spool.database import SpoolFileError
from segment_gevent.delivery.spool.directory import SpoolFile
from segment_gevent.delivery.spool.journal import Journal, Record
from segment_gevent.delivery.spool.ownership import Ownership

EXPIRE_ROWS = 500
EXPIRE_BYTES = 1 << 20
LOSS_BYTES = 4 << 20
"""Bytes of messages of mine that one call loses, about, for they are in memory until they are told."""

SHRINK_AFTER = 100
"""So many groups of rows are removed between two looks whether the file has grown too large for what is left."""

T = TypeVar("T")


class Loss(NamedTuple):
    """Messages that were on disk and nowhere else, and are gone."""

    reason: str
    """`"spool_full"`, `"spool_expired"` or `"spool_damaged"`."""
    is_mine: bool
    """Whether this store added them, and not another process or an earlier client."""
    messages: int
    bodies: tuple[bytes, ...]
    """Those of mine that could still be read."""


class BadFile(NamedTuple):
    """A file that could not be used as it was."""

    path: Path
    """Where it is now."""
    reason: str
    """`"corrupt"` or `"foreign"`, renamed; or `"newer"`, left for a later version of this package."""
    salvaged: int
    """How many messages of it are safe in another file, which took its place."""


@dataclass(frozen=True)
class Settings:
    """How files are opened."""

    is_synced: bool
    wal_pages: int
    now: Callable[[], float]
    news: list[Loss | BadFile]
    """Where what happened to files and messages is told."""

    def milliseconds(self) -> int:
        return int(self.now() * 1000)


class Holding:
    """Methods may raise SpoolError; they have changed nothing on disk then, and a later try may succeed."""

    def __init__(self, file: SpoolFile, ownership: Ownership, settings: Settings, *, is_mine: bool) -> None:
        self.file = file
        self.is_mine = is_mine
        self.claimed: set[int] = set()
        """Ids of the rows that are handed out."""
        self.free = 0
        """How many messages of mine are here and nowhere else."""
        self._settled: set[int] = set()
        self._removed: list[tuple[int, int]] = []
        self._removals = 0
        self._ownership = ownership
        self._settings = settings
        self._journal = Journal(file.path, is_synced=settings.is_synced, wal_pages=settings.wal_pages)

    @classmethod
    def make(cls, file: SpoolFile, settings: Settings) -> Holding:
        """A new file, for the messages of this process."""
        while (ownership := Ownership.take(file)) is None:  # another looked at the lock as we made it
            pass
        holding = cls(file, ownership, settings, is_mine=True)
        try:
            holding._journal.make()
        except BaseException:
            holding.leave(delete=True)
            raise
        return holding

    @classmethod
    def take_over(cls, file: SpoolFile, settings: Settings) -> Holding | None:
        """The file of a process that ended, repaired if need be; None if its process lives, or there is no file."""
        ownership = Ownership.take(file)
        if ownership is None:
            return None
        holding = cls(file, ownership, settings, is_mine=False)
        try:
            holding._journal.recover()
            if file.path.exists():
                holding._do(Journal.used)  # opens it
                return holding
        except BaseException:
            holding.leave(delete=False)
            raise
        holding.leave(delete=True)
        return None

    @property
    def is_in_place(self) -> bool:
        """Whether the file was neither deleted nor replaced by others."""
        return self._journal.is_in_place

    # Messages.

    def add(self, messages: Sequence[tuple[int, bytes]], *, held: bool, claimed: bool = False) -> None:
        """Store (ordinal, body) pairs, all or none; with `claimed` they are handed out already."""
        created = self._settings.milliseconds()
        self._do(lambda journal: journal.insert(messages, held=held, created=created))
        if not held:
            self.free += len(messages)
        if claimed:
            self.claimed.update(ordinal for ordinal, _ in messages)

    def remove(self, first: int, end: int) -> None:
        """Delete the held ones of an ordinal range; what can't be deleted now is with the next call."""
        if self._removed and self._removed[-1][1] == first:
            first = self._removed.pop()[0]
        self._removed.append((first, end))
        while self._removed:
            self._do(lambda journal: journal.delete_held(*self._removed[-1]))
            self._removed.pop()
        self._removals += 1
        if self._removals % SHRINK_AFTER == 0:
            self.shrink()

    def give_up(self, first: int, end: int) -> int:
        """Make the held ones of an ordinal range free; how many there were."""
        given = self._do(lambda journal: journal.let_go(first, end))
        self.free += given
        return given

    def take_back(self, first: int, end: int) -> None:
        """Make the free ones of an ordinal range held, and no longer handed out."""
        self.free -= self._do(lambda journal: journal.hold(first, end))
        self.release(range(first, end))

    def oldest(self, messages: int, size: int, *, held: bool | None = None) -> list[Record]:
        """Rows that are not handed out, as `Journal.oldest`; of another's file, all are free."""
        if not self.is_mine:
            held = None
        return self._do(lambda journal: journal.oldest(messages=messages, size=size, held=held, skip=self.claimed))

    def claim(self, messages: int, size: int, *, since: int) -> list[Record]:
        """Hand out the oldest free rows; those made before `since` (in ms) and the damaged ones are lost on the way.

        Hands out none where there are many of those; the next call goes on.
        """
        told = 0
        found = self.oldest(messages, size, held=False)
        while bad := [record for record in found if record.body is None or record.created < since]:
            told += self.lose(bad, "spool_expired")
            if told >= LOSS_BYTES:
                return []
            found = self.oldest(messages, size, held=False)
        self.claimed.update(record.id for record in found)
        return found

    def expire(self, since: int) -> bool:
        """Lose what was made before `since` (in ms); False where there is more of it, for the next call."""
        told = 0
        while told < LOSS_BYTES:
            old = [record for record in self.oldest(EXPIRE_ROWS, EXPIRE_BYTES, held=False) if record.created < since]
            if not old:
                return True
            told += self.lose(old, "spool_expired")
        return False

    def settle(self, ids: Iterable[int]) -> None:
        """Delete handed-out rows. If that fails they are not handed out again here, and deleted with the next call."""
        self._settled.update(ids)
        deleted = self._do(lambda journal: journal.delete(self._settled))
        self.free -= deleted if self.is_mine else 0
        if deleted == len(self._settled):
            self.claimed -= self._settled
        # Else they may still be there, in a file that is damaged: claimed for ever, they are not sent again.
        self._settled.clear()
        self.shrink()

    def release(self, ids: Iterable[int]) -> None:
        """Take handed-out rows back. Touches no disk."""
        self.claimed.difference_update(set(ids) - self._settled)

    def lose(self, records: Sequence[Record], reason: str) -> int:
        """Delete rows, and tell of those that are nowhere else, with so many bytes of messages; where the file was
        damaged, as if they were many."""
        ids = {record.id for record in records}
        deleted = self._do(lambda journal: journal.delete(ids))
        if deleted != len(ids):  # found, but not to be deleted: they would be found for ever
            self._replace("corrupt")  # which tells of those that are nowhere any more; the others go with a later call
            if deleted and not self.is_mine:
                self._settings.news.append(Loss("spool_damaged", False, deleted, ()))
            return LOSS_BYTES
        if self.is_mine:
            records = [record for record in records if not record.held]
            self.free -= len(records)
        bodies = tuple(record.body for record in records if record.body is not None)
        told = bodies if self.is_mine else ()
        if bodies:
            self._settings.news.append(Loss(reason, self.is_mine, len(bodies), told))
        if len(bodies) < len(records):
            self._settings.news.append(Loss("spool_damaged", self.is_mine, len(records) - len(bodies), ()))
        return sum(map(len, told))

    # The file.

    def size(self) -> int:
        """Bytes of the file, without its log."""
        return self._do(Journal.size)

    def used(self) -> int:
        """Bytes of the file that are in use."""
        return self._do(Journal.used)

    def shrink(self, *, spare: float = 0.25) -> None:
        """Give free space back, as `Journal.shrink`."""
        self._do(lambda journal: journal.shrink(spare=spare))

    def is_empty(self) -> bool:
        """Whether nothing is left in it, but what has its fate and could not be deleted."""
        return not self._do(lambda journal: journal.oldest(messages=1, size=0, skip=self._settled))

    def leave(self, *, delete: bool) -> None:
        """Close the file and let others have it, or delete it. Never raises."""
        self._journal.close()
        if delete:
            self.file.delete()
        self._ownership.give_back()

    def _do(self, work: Callable[[Journal], T]) -> T:
        """Work on the journal; one that is found at fault is replaced first, and keeps what can be read of it."""
        try:
            return work(self._journal)
        except SpoolFileError as error:
            if error.reason == "newer":
                raise
            self._replace(error.reason)
        return work(self._journal)

    def _replace(self, reason: str) -> None:
        name = self.file.broken_name(self._settings.milliseconds())
        salvaged = self._journal.replace(name, salvage=reason == "corrupt")
        self._settings.news.append(BadFile(name, reason, salvaged))
        if self.is_mine:
            expected, self.free = self.free, self._journal.count(held=False)
            if expected > self.free:
                self._settings.news.append(Loss("spool_damaged", True, expected - self.free, ()))
