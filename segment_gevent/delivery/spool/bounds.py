"""What a spool directory may hold: how many bytes, for how long, shared among how many processes; the oldest go."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from segment_gevent.delivery.spool.custody import Custody
from segment_gevent.delivery.spool.database import SpoolError
from segment_gevent.delivery.spool.directory import SpoolDirectory, SpoolFile
from segment_gevent.delivery.spool.holding import LOSS_BYTES, Holding
from segment_gevent.delivery.spool.journal import PAGE
from segment_gevent.delivery.spool.ownership import Ownership

TIDY_EVERY = 60.0
"""Seconds between two looks for what is too old, in files that nobody adds to."""

LOOK_AFTER = 1 << 20
"""Bytes that a process adds at most between two looks how large the directory is."""

NEWCOMERS = 4
"""Nobody takes more room at once than with so many in the directory: they may come before the next look."""

EVICT_ROWS = 500
EVICT_BYTES = 1 << 20
EVICT_ROUNDS = 40
"""So many times `EVICT_ROWS` go at most to make room for one call; the next call goes on."""


def wal_pages(max_bytes: int) -> int:
    """How many pages SQLite's log of a file may have: a thousand, or fewer where the directory is small."""
    return max(16, min(1000, max_bytes // 1024 // PAGE))


class Bounds:
    """Keeps a directory under `max_bytes` and its messages under `max_age` seconds. Methods may raise SpoolError."""

    def __init__(
        self,
        directory: SpoolDirectory,
        custody: Custody,
        *,
        max_bytes: int,
        max_age: float,
        now: Callable[[], float],
    ) -> None:
        self._directory = directory
        self._custody = custody
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._now = now
        self._margin = max_bytes // 8
        self._log = 3 * wal_pages(max_bytes) * PAGE  # it grows by what the last transactions write, and is cut again
        self._room = 0
        self._room_in: Holding | None = None  # a file that is new, as in a forked child, has a look first
        self._next_tidy = 0.0

    def prepare(self, own: Holding, need: int) -> None:
        """Before so many bytes are added to our own file: have room for them."""
        if own is not self._room_in or need > self._room:
            self._look(need)

    def added(self, size: int) -> None:
        """So many bytes were added to it."""
        self._room -= size
        if self._room < 0:  # more at once than should come between two looks
            self._look(0)

    def cutoff(self) -> int:
        """When messages were made, in milliseconds since 1970, that are just not too old."""
        return int((self._now() - self._max_age) * 1000)

    def _look(self, need: int) -> None:
        """Let go what is too old or too much. If that fails the next call tries again."""
        with suppress(SpoolError):
            self.tidy()
            self.make_room(need)

    def tidy(self) -> None:
        """Now and then, delete what is too old: messages, and whole files that nobody came for."""
        now = self._now()
        if now < self._next_tidy:
            return
        self._next_tidy = now + TIDY_EVERY
        for holding in self._custody.all():
            if not holding.expire(self.cutoff()):
                self._next_tidy = now
        for file in self._directory.files():
            if file.changed < now - self._max_age:
                if file.is_broken:
                    file.delete()
                else:
                    self._retire(file, file.size, "spool_expired")

    def make_room(self, need: int, *, only_for_living: bool = False) -> None:
        """Bring the directory under its bound, as far as this process may, with room for `need` bytes more.

        Or only if other processes live, who may need more of it: with them it is shared.
        """
        own = self._custody.own
        files = self._directory.files()
        total = sum(file.size for file in files) + 2 * need  # which go to the log, and then to the file
        writers = max(1, sum(not file.is_broken for file in files))
        if total > self._bounds(writers)[0]:
            writers = 1 + sum(self._lives(file) for file in files)
            if only_for_living and writers == 1:
                return
            goal, limit = self._bounds(writers)
            for file in sorted(files, key=lambda file: not file.is_broken):
                if total > goal:
                    total -= self._free(file, total - goal)
            # What living processes have is theirs to delete. Each may have its share, whoever came first: who has less
            # goes on, up to the limit, and who has more makes room for it at the next look.
            if own is not None:
                over = max(min(total - goal, own.size() - goal // writers), total - limit)
                freed = self._evict(own, over, "spool_full", held=False)
                self._evict(own, over - freed, "spool_full", held=True)
        self._room = min(LOOK_AFTER, self._margin // (2 * max(writers, NEWCOMERS)))
        self._room_in = own

    def _bounds(self, writers: int) -> tuple[int, int]:
        """The bytes to come down to with so many processes, and those that none may go beyond at a look.

        What is above is for what comes between two looks, for the logs, and for the files of processes that come later.
        """
        limit = self._max_bytes - self._margin - writers * self._log
        return limit - self._margin // 2, limit

    def _lives(self, file: SpoolFile) -> bool:
        """Whether another process has this file."""
        if file.is_broken or self._custody.is_own(file) or self._custody.has_taken(file):
            return False
        ownership = Ownership.take(file)
        if ownership is not None:
            ownership.give_back()
        return ownership is None

    def _free(self, file: SpoolFile, need: int) -> int:
        """Free about `need` bytes of a broken file, or of one whose process ended; so many bytes were."""
        if file.is_broken:
            file.delete()
            return file.size
        return self._retire(file, need, "spool_full")

    def _retire(self, file: SpoolFile, need: int, reason: str) -> int:
        """Free about `need` bytes of a file whose process ended, if it has; so many bytes were."""
        was_taken_over = self._custody.has_taken(file)
        holding = None if self._custody.is_own(file) else self._custody.take(file)
        if holding is None:
            return 0
        try:
            freed = self._evict(holding, need, reason)
            self._custody.drop_if_empty(holding)
            return freed
        finally:
            if self._custody.has_taken(file) and not was_taken_over:
                self._custody.let_go(holding, delete=False)

    def _evict(self, holding: Holding, need: int, reason: str, *, held: bool | None = None) -> int:
        """Delete the oldest messages until about `need` bytes are free, or a good deal is done; so many bytes are."""
        if need <= 0:
            return 0
        before = holding.size()
        told = 0
        for _ in range(EVICT_ROUNDS):
            rest = need - (before - holding.used())
            if rest <= 0 or told >= LOSS_BYTES:
                break
            records = holding.oldest(EVICT_ROWS, min(rest, EVICT_BYTES), held=held)
            if not records:
                break
            told += holding.lose(records, reason)
        holding.shrink(spare=0)
        return before - holding.used()
