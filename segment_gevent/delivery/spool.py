"""The messages on disk: adds them, keeps them within their bounds, and hands them out again, each to one process.

A process adds to a file of its own, and takes over the files of processes that ended; which, a lock says that ends with
them. So no two processes wait for each other, and what one worker left is found by any other.

No gevent and no threads: every method blocks, and `disk.py` runs them elsewhere, one at a time.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from segment_gevent.delivery.database import SpoolError as SpoolError
from segment_gevent.delivery.database import SpoolFileError
from segment_gevent.delivery.directory import SpoolDirectory, SpoolFile
from segment_gevent.delivery.directory import scope_of as scope_of
from segment_gevent.delivery.holding import LOSS_BYTES, Holding, Settings
from segment_gevent.delivery.holding import BadFile as BadFile
from segment_gevent.delivery.holding import Loss as Loss
from segment_gevent.delivery.journal import PAGE, cost
from segment_gevent.delivery.ownership import Ownership

MAX_BYTES = 1 << 30
MAX_AGE = 7 * 24 * 3600.0

TIDY_EVERY = 60.0
"""Seconds between two looks for what is too old, in files that nobody adds to."""

LOOK_AFTER = 1 << 20
"""Bytes that a process adds at most between two looks how large the directory is."""

EVICT_ROWS = 500
EVICT_BYTES = 1 << 20
EVICT_ROUNDS = 40
"""So many times `EVICT_ROWS` go at most to make room for one call; the next call goes on."""


class RowId(NamedTuple):
    """Names a message on disk while it is claimed."""

    holding: Holding
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

        All files in the directory together stay under `max_bytes`, as long as no call adds more than a thirty-second of
        it, divided by the number of processes with a file. A call with more may go beyond by twice its bytes, for as
        long as it takes. Messages stay under `max_age` seconds. The oldest go.
        A message that was added survives its process, and if `is_synced`, for an fsync a call, its machine. `now` is
        the wall clock, in seconds since 1970.
        """
        wal_pages = max(16, min(1000, max_bytes // 1024 // PAGE))
        self.directory = SpoolDirectory(directory)
        self._scope = scope
        self._max_age = max_age
        self._max_bytes = max_bytes
        self._margin = max_bytes // 8
        self._log = 3 * wal_pages * PAGE  # it grows by what the last transactions write, and is cut again
        self._news: list[Loss | BadFile] = []
        self._settings = Settings(is_synced=is_synced, wal_pages=wal_pages, now=now, news=self._news)
        self._pid = os.getpid()
        self._own: Holding | None = None
        self._taken_over: dict[str, Holding] = {}
        self._shunned: set[str] = set()
        self._failure: SpoolError | None = None
        self._room = 0  # the first call looks how things are
        self._next_tidy = 0.0

    # Messages of this process.

    def add(self, messages: Sequence[tuple[int, bytes]], *, owned: bool) -> None:
        """Store (ordinal, body) pairs, all or none; an ordinal that is there already is replaced.

        `owned` says that the process has the messages in memory too: nobody claims them, until `give_up` or its end. To
        make room the oldest go before: of other processes that ended first, those that are owned last.
        """
        own = self._own_file()
        need = sum(cost(len(body)) for _, body in messages)
        if need > self._room:
            self._look(need)
        own.add(messages, held=owned)
        self._room -= need
        if self._room < 0:  # more at once than should come between two looks
            self._look(0)

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

    def claim(self, max_bytes: int, max_messages: int, *, only_own: bool = False) -> list[Row]:
        """Old messages that nobody answers for, which become this store's until `settle`, `release` or `give_back`.

        First those of the file that has the oldest of all, in the order in which they were added; then those of the
        file that has the oldest of the rest. At most `max_messages` with at most `max_bytes`, but one if there is one.
        Never of another scope, and never the same to two stores while both live. With `only_own` no file is taken over.
        """
        self._own_if_any()
        rows: list[Row] = []
        self._failure = None
        with self._failing():
            self._tidy()
            self._make_room(0, only_for_living=True)
        for holding in self._claimable(only_own=only_own):
            room = max_bytes - sum(len(row.body) for row in rows)
            with self._failing():
                records = holding.claim(max_messages - len(rows), room, since=self._cutoff())
                if rows and sum(len(record.body or b"") for record in records) > room:
                    holding.release([record.id for record in records])
                    break
                rows += [Row(RowId(holding, r.id), r.body or b"", holding.is_mine) for r in records]
            if len(rows) >= max_messages:
                break
        if self._failure is not None and not rows:
            raise self._failure
        return rows

    def settle(self, ids: Iterable[RowId]) -> None:
        """Delete claimed messages: each has its fate. If that fails they are not claimed again by this store."""
        for holding, ordinals in self._by_file(ids):
            try:
                holding.settle(ordinals)
            except SpoolError:
                # What is deleted goes through a log, for which a full disk has no room; a file as a whole can go.
                if not holding.is_empty():
                    raise
                self._let_go(holding, delete=True)
            else:
                self._drop_if_empty(holding)

    def release(self, ids: Iterable[RowId]) -> None:
        """Let claimed messages be claimed again. Touches no disk."""
        for holding, ordinals in self._by_file(ids):
            holding.release(ordinals)

    def has(self, ids: Iterable[RowId]) -> bool:
        """Whether claimed messages are still this store's. Touches no disk; any thread may call it."""
        return all(self._is_current(holding) for holding, _ in ids)

    @property
    def has_taken_over(self) -> bool:
        """Whether it has other processes' files."""
        return bool(self._taken_over)

    def give_back(self) -> None:
        """Leave other processes' files, and what is claimed of them, to whoever comes. Never raises."""
        if self._pid == os.getpid():
            for holding in [*self._taken_over.values()]:
                self._leave(holding)
            self._taken_over.clear()

    def take_news(self) -> list[Loss | BadFile]:
        """What happened to messages and files since the last call. Touches no disk; any thread may call it."""
        news = self._news[:]
        del self._news[: len(news)]
        return news

    # The process.

    def close(self) -> None:
        """Leave every file, with all that is in it, to others. Never raises; the store may be used again."""
        self.give_back()
        if self._pid == os.getpid() and self._own is not None:
            self._leave(self._own)
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
        self._room = 0

    # Files.

    def _leave(self, holding: Holding) -> None:
        is_empty = False
        with suppress(SpoolError):
            is_empty = holding.is_empty()
        holding.leave(delete=is_empty)

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

    def _claimable(self, *, only_own: bool) -> Iterator[Holding]:
        """The files to claim from, as they are needed: that with the oldest free message first, of equals our own."""
        files: list[SpoolFile] = []
        with self._failing():
            files = self.directory.files()
        # No message is older than its file, so that only those are opened whose turn it may be.
        ages = [
            (file.made, False, not self._is_own(file), file.stem, file)
            for file in files
            if file.scope == self._scope and not file.is_broken and (self._is_own(file) or not only_own)
        ]
        heapq.heapify(ages)
        while ages:
            _, is_known, is_others, stem, file = heapq.heappop(ages)
            holding = None
            with self._failing():
                holding = self._holding_of(file)
                if holding is not None and not is_known and (oldest := holding.oldest(1, 0, held=False)):
                    heapq.heappush(ages, (oldest[0].created, True, is_others, stem, file))
                    continue
            if holding is not None:
                yield holding
                with self._failing():
                    self._drop_if_empty(holding)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """One file's trouble is not another's; `claim` raises it when it found nothing at all."""
        try:
            yield
        except SpoolError as error:
            self._failure = error

    def _is_own(self, file: SpoolFile) -> bool:
        return self._own is not None and file.stem == self._own.file.stem

    def _holding_of(self, file: SpoolFile) -> Holding | None:
        """Our own, one that was taken over, or is now; None if its process lives, or it is of no use."""
        if self._is_own(file):
            return self._own
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
        if holding is self._own:
            self._own = None
        else:
            del self._taken_over[holding.file.stem]
        holding.leave(delete=delete)

    def _by_file(self, ids: Iterable[RowId]) -> list[tuple[Holding, list[int]]]:
        self._own_if_any()
        by_file: dict[Holding, list[int]] = {}
        for holding, ordinal in ids:
            by_file.setdefault(holding, []).append(ordinal)
        return [(holding, ordinals) for holding, ordinals in by_file.items() if self._is_current(holding)]

    def _is_current(self, holding: Holding) -> bool:
        """Whether it was not given back since."""
        return holding in (self._own, self._taken_over.get(holding.file.stem))

    # Bounds.

    def _cutoff(self) -> int:
        return int((self._settings.now() - self._max_age) * 1000)

    def _look(self, need: int) -> None:
        """Let go what is too old or too much, with room for `need` bytes. If that fails the next call tries again."""
        with suppress(SpoolError):
            self._tidy()
            self._make_room(need)

    def _tidy(self) -> None:
        """Now and then, delete what is too old: messages, and whole files that nobody came for."""
        now = self._settings.now()
        if now < self._next_tidy:
            return
        self._next_tidy = now + TIDY_EVERY
        for holding in [*self._taken_over.values(), *([self._own] if self._own else [])]:
            if not holding.expire(self._cutoff()):
                self._next_tidy = now
        for file in self.directory.files():
            if file.changed < now - self._max_age:
                if file.is_broken:
                    file.delete()
                else:
                    self._retire(file, file.size, "spool_expired")

    def _make_room(self, need: int, *, only_for_living: bool = False) -> None:
        """Bring the directory under its bound, as far as this process may, with room for `need` bytes more.

        Or only if other processes live, who may need more of it: with them it is shared.
        """
        files = self.directory.files()
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
            if self._own is not None:
                over = max(min(total - goal, self._own.size() - goal // writers), total - limit)
                freed = self._evict(self._own, over, "spool_full", held=False)
                self._evict(self._own, over - freed, "spool_full", held=True)
        self._room = min(LOOK_AFTER, self._margin // (2 * writers))

    def _bounds(self, writers: int) -> tuple[int, int]:
        """The bytes to come down to with so many processes, and those that none may go beyond at a look.

        What is above is for what comes between two looks, and for the logs.
        """
        limit = self._max_bytes - self._margin - writers * self._log
        return (limit - self._margin // 2 if writers > 1 else limit), limit

    def _lives(self, file: SpoolFile) -> bool:
        """Whether another process has this file."""
        if file.is_broken or self._is_own(file) or file.stem in self._taken_over:
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
        was_taken_over = file.stem in self._taken_over
        holding = None if self._is_own(file) else self._holding_of(file)
        if holding is None:
            return 0
        try:
            freed = self._evict(holding, need, reason)
            self._drop_if_empty(holding)
            return freed
        finally:
            if file.stem in self._taken_over and not was_taken_over:
                self._let_go(holding, delete=False)

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
