"""The messages on disk: adds them, keeps them within their bounds, and hands them out again, each to one process.

A process adds to a file of its own, and takes over the files of processes that ended; which, a lock says that ends with
them. So no two processes wait for each other, and what one worker left is found by any other.

No gevent and no threads: every method blocks, and `disk.py` runs them elsewhere, one at a time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from segment_gevent.delivery.database import SpoolError as SpoolError
from segment_gevent.delivery.database import SpoolFileError
from segment_gevent.delivery.directory import SpoolDirectory, SpoolFile
from segment_gevent.delivery.directory import scope_of as scope_of
from segment_gevent.delivery.holding import BadFile as BadFile
from segment_gevent.delivery.holding import Holding, Settings
from segment_gevent.delivery.holding import Loss as Loss
from segment_gevent.delivery.journal import PAGE, cost

MAX_BYTES = 1 << 30
MAX_AGE = 7 * 24 * 3600.0

SMALL_FILES = 1 << 16
"""Bytes that a process's lock and SQLite's -shm take."""

TIDY_EVERY = 60.0
"""Seconds between two looks for what is too old, in files that nobody adds to."""

EVICT_ROWS = 500
EVICT_ROUNDS = 40
"""So many times `EVICT_ROWS` go at most to make room for one call; the next call goes on."""


class RowId(NamedTuple):
    """Names a message on disk while it is claimed."""

    file: str
    ordinal: int


class Row(NamedTuple):
    """A message that was claimed."""

    id: RowId
    body: bytes
    is_mine: bool
    """Whether this store added it, and not another process or an earlier client."""


class Store:
    """The spool of one client in one process. Nothing is opened or made before it is needed.

    Methods may raise SpoolError. What is on disk stays then, and the same call may succeed later.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        scope: str,
        *,
        max_bytes: int = MAX_BYTES,
        max_age: float = MAX_AGE,
        is_synced: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Keep messages in `directory`, for the key and host that `scope` stands for (see `scope_of`).

        All files in the directory together stay under `max_bytes`, as long as no call adds more than a sixteenth of it,
        and messages under `max_age` seconds: the oldest go.
        A message that was added survives its process, and if `is_synced`, for an fsync a call, its machine. `now` is
        the wall clock, in seconds since 1970.
        """
        wal_pages = max(16, min(1000, max_bytes // 16 // PAGE))
        self.directory = SpoolDirectory(directory)
        self._scope = scope
        self._max_age = max_age
        self._slack = max(16 * PAGE, min(1 << 20, max_bytes // 16))
        # The log grows past its bound by what the last transactions write: an addition, and what goes to make room.
        self._max_used = max_bytes - 2 * wal_pages * PAGE - 2 * self._slack - SMALL_FILES
        self._news: list[Loss | BadFile] = []
        self._settings = Settings(is_synced=is_synced, wal_pages=wal_pages, now=now, news=self._news)
        self._pid = os.getpid()
        self._own: Holding | None = None
        self._taken_over: dict[str, Holding] = {}
        self._shunned: set[str] = set()
        self._failure: SpoolError | None = None
        self._grown = self._slack  # the first call looks how things are
        self._next_tidy = 0.0

    # Messages of this process.

    def add(self, messages: Sequence[tuple[int, bytes]], *, owned: bool) -> None:
        """Store (ordinal, body) pairs, all or none; an ordinal that is there already is replaced.

        `owned` says that the process has the messages in memory too: nobody claims them, until `give_up` or its end. To
        make room the oldest go, of other processes that ended first, those that are owned last.
        """
        own = self._own_file()
        own.add(messages, held=owned)
        self._grown += sum(cost(len(body)) for _, body in messages)
        if self._grown >= self._slack:
            with suppress(SpoolError):  # these are safe, and the next call tries again
                self._tidy()
                self._make_room()
                self._grown = 0

    def remove(self, first: int, end: int) -> None:
        """Delete the owned messages with first <= ordinal < end: they were settled.

        What can't be deleted now is deleted with the next call.
        """
        own = self._own_if_any()
        if own is not None:
            own.remove(first, end)

    def give_up(self, first: int, end: int) -> int:
        """Let anyone claim the owned messages with first <= ordinal < end; how many of them are on disk."""
        own = self._own_if_any()
        return 0 if own is None else own.give_up(first, end)

    # Messages of anyone.

    def claim(self, max_bytes: int, max_messages: int) -> list[Row]:
        """The oldest messages that nobody answers for, which become this store's until `settle` or `release`.

        At most `max_messages` with at most `max_bytes`, but one if there is one. Never of another scope, and never the
        same to two stores while both live.
        """
        own = self._own_if_any()
        rows: list[Row] = []
        self._failure = None
        with self._failing():
            self._tidy()
        for holding in self._claimable(own):
            room = max_bytes - sum(len(row.body) for row in rows)
            with self._failing():
                records = holding.claim(max_messages - len(rows), room, since=self._cutoff())
                if rows and sum(len(record.body or b"") for record in records) > room:
                    holding.release([record.id for record in records])
                    break
                rows += [Row(RowId(holding.file.stem, r.id), r.body or b"", holding.is_mine) for r in records]
            if len(rows) >= max_messages:
                break
        if self._failure is not None and not rows:
            raise self._failure
        return rows

    def settle(self, ids: Iterable[RowId]) -> None:
        """Delete claimed messages: each has its fate. If that fails they are not claimed again by this store."""
        for holding, ordinals in self._by_file(ids):
            holding.settle(ordinals)
            self._drop_if_empty(holding)

    def release(self, ids: Iterable[RowId]) -> None:
        """Let claimed messages be claimed again. Touches no disk."""
        for holding, ordinals in self._by_file(ids):
            holding.release(ordinals)

    def take_news(self) -> list[Loss | BadFile]:
        """What happened to messages and files since the last call. Touches no disk; any thread may call it."""
        news = self._news[:]
        del self._news[: len(news)]
        return news

    # The process.

    def close(self) -> None:
        """Leave every file, with all that is in it, to others. Never raises; the store may be used again."""
        if self._pid == os.getpid():
            for holding in [*self._taken_over.values(), *([self._own] if self._own else [])]:
                is_empty = False
                with suppress(SpoolError):
                    is_empty = holding.is_empty()
                holding.leave(delete=is_empty)
        self._forget()

    def abandon(self) -> None:
        """In a forked child: leave everything to the parent. Touches no file, not even to close it."""
        self._forget()
        self._news.clear()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._own = None
        self._taken_over = {}
        self._shunned = set()
        self._grown = self._slack

    # Files.

    def _own_if_any(self) -> Holding | None:
        if self._pid != os.getpid():  # where forks run no hooks
            self.abandon()
        return self._own

    def _own_file(self) -> Holding:
        own = self._own_if_any()
        if own is not None and not own.is_in_place:
            self._own = None
            own.leave(delete=True)
            if own.free:
                self._news.append(Loss("spool_damaged", True, own.free, ()))
            own = None
        if own is None:
            self.directory.prepare()
            own = self._own = Holding.make(
                self.directory.new_file(self._scope, self._settings.milliseconds()), self._settings
            )
        return own

    def _claimable(self, own: Holding | None) -> Iterator[Holding]:
        """The files to claim from, as they are needed: the oldest first, our own where its oldest message belongs."""
        first, files = None, []
        with self._failing():
            if own is not None and (oldest := own.oldest(1, 0, held=False)):
                first = oldest[0].created
        with self._failing():
            files = self.directory.files()
        for file in files:
            if own is not None and first is not None and first <= file.made:
                yield own
                first = None
            if file.scope == self._scope and not file.is_broken:
                holding = None
                with self._failing():
                    holding = self._held_or_taken_over(file)
                if holding is not None:
                    yield holding
                    with self._failing():
                        self._drop_if_empty(holding)
        if own is not None and first is not None:
            yield own

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """One file's trouble is not another's; `claim` raises it when it found nothing at all."""
        try:
            yield
        except SpoolError as error:
            self._failure = error

    def _held_or_taken_over(self, file: SpoolFile) -> Holding | None:
        if file.stem in self._taken_over or file.stem in self._shunned:
            return self._taken_over.get(file.stem)
        try:
            holding = Holding.take_over(file, self._settings)
        except SpoolFileError as error:
            if error.reason == "newer":
                self._shunned.add(file.stem)
                self._news.append(BadFile(file.path, "newer", 0))
            return None
        if holding is not None:
            self._taken_over[file.stem] = holding
        return holding

    def _drop_if_empty(self, holding: Holding) -> None:
        if not holding.is_mine and not holding.claimed and holding.is_empty():
            self._let_go(holding, delete=True)

    def _let_go(self, holding: Holding, *, delete: bool) -> None:
        del self._taken_over[holding.file.stem]
        holding.leave(delete=delete)

    def _by_file(self, ids: Iterable[RowId]) -> list[tuple[Holding, list[int]]]:
        own = self._own_if_any()
        by_file: dict[str, list[int]] = {}
        for file, ordinal in ids:
            by_file.setdefault(file, []).append(ordinal)
        holdings = {**self._taken_over, **({own.file.stem: own} if own else {})}
        return [(holdings[file], ordinals) for file, ordinals in by_file.items() if file in holdings]

    # Bounds.

    def _cutoff(self) -> int:
        return int((self._settings.now() - self._max_age) * 1000)

    def _tidy(self) -> None:
        """Now and then, delete what is too old: messages, and whole files that nobody came for."""
        now = self._settings.now()
        if now < self._next_tidy:
            return
        self._next_tidy = now + TIDY_EVERY
        for holding in [*self._taken_over.values(), *([self._own] if self._own else [])]:
            holding.expire(self._cutoff())
        for file in self.directory.files():
            if file.changed < now - self._max_age:
                if file.is_broken:
                    file.delete()
                else:
                    self._retire(file, file.size, "spool_expired")

    def _make_room(self) -> None:
        """Bring the directory under its bound, as far as this process may."""
        own = self._own_file()
        files = self.directory.files()
        ours = {own.file.stem: own, **self._taken_over}
        strange = [file for file in files if file.is_broken or file.stem not in ours]
        over = sum(holding.used() for holding in ours.values()) + sum(file.size for file in strange) - self._max_used
        living = []
        for file in sorted(files, key=lambda file: not file.is_broken):
            if over <= 0:
                return
            if file.is_broken:
                file.delete()
                over -= file.size
            elif file.stem != own.file.stem:
                freed = self._retire(file, over, "spool_full")
                over -= freed or 0
                living += [] if freed is not None else [file.size]
        # What living processes have is theirs to delete; each may have its share, whoever came first.
        share = max(self._max_used - sum(living), self._max_used // (len(living) + 1))
        over = min(over, own.used() - share)
        if over > 0:
            freed = self._evict(own, over, "spool_full", held=False)
            if freed < over:
                self._evict(own, over - freed, "spool_full", held=True)

    def _retire(self, file: SpoolFile, need: int, reason: str) -> int | None:
        """Free about `need` bytes of another process's file; so many bytes were, None if that process lives."""
        holding = self._held_or_taken_over(file)
        if holding is None:
            return None
        freed = self._evict(holding, need, reason)
        if not holding.claimed and holding.is_empty():
            self._let_go(holding, delete=True)
            return file.size
        if file.scope != self._scope:
            self._let_go(holding, delete=False)
        return freed

    def _evict(self, holding: Holding, need: int, reason: str, *, held: bool | None = None) -> int:
        """Delete the oldest messages until about `need` bytes are free, or a good deal is done; so many bytes are."""
        before = holding.used()
        freed = 0
        for _ in range(EVICT_ROUNDS):
            records = holding.oldest(EVICT_ROWS, need - freed, held=held)
            if not records:
                break
            holding.lose(records, reason)
            freed = before - holding.used()
            if freed >= need:
                break
        holding.shrink()
        return freed
