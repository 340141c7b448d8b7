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
from contextlib import contextmanager
from typing import NamedTuple

from segment_gevent.delivery.spool.bounds import Bounds, wal_pages
from segment_gevent.delivery.spool.custody import Custody
from segment_gevent.delivery.spool.database import SpoolError as SpoolError
from segment_gevent.delivery.spool.directory import SpoolDirectory, SpoolFile
from segment_gevent.delivery.spool.directory import scope_of as scope_of
from segment_gevent.delivery.spool.holding import BadFile as BadFile
from segment_gevent.delivery.spool.holding import Holding, Settings
from segment_gevent.delivery.spool.holding import Loss as Loss
from segment_gevent.delivery.spool.journal import cost

MAX_BYTES = 1 << 30
MAX_AGE = 7 * 24 * 3600.0


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

        All files in the directory together stay under `max_bytes`, as long as it is 2 MiB or more for each process with
        a file, and no call adds more than a thirty-second of such a share. A call with more may go beyond by twice its
        bytes, for as long as it takes. Messages stay under `max_age` seconds. The oldest go.
        A message that was added survives its process, and if `is_synced`, for an fsync a call, its machine. `now` is
        the wall clock, in seconds since 1970.
        """
        self.directory = SpoolDirectory(directory)
        self._scope = scope
        self._news: list[Loss | BadFile] = []
        settings = Settings(is_synced=is_synced, wal_pages=wal_pages(max_bytes), now=now, news=self._news)
        self._custody = Custody(self.directory, scope, settings)
        self._bounds = Bounds(self.directory, self._custody, max_bytes=max_bytes, max_age=max_age, now=now)
        self._failure: SpoolError | None = None

    # Messages of this process.

    def add(self, messages: Sequence[tuple[int, bytes]], *, owned: bool, claimed: bool = False) -> None:
        """Store (ordinal, body) pairs, all or none; an ordinal that is there already is replaced.

        `owned` says that the process has the messages in memory too: nobody claims them, until `give_up` or its end.
        Those that are `claimed` are the caller's, until `hand_over` or `take_back`. To make room the oldest go before:
        of other processes that ended first, those that are owned last.
        """
        own = self._custody.made()
        need = sum(cost(len(body)) for _, body in messages)
        self._bounds.prepare(own, need)
        own.add(messages, held=owned, claimed=claimed)
        self._bounds.added(need)

    def hand_over(self, first: int, end: int) -> None:
        """Let anyone claim the messages with first <= ordinal < end, which were added as claimed. Touches no disk."""
        if (own := self._custody.own) is not None:
            own.release(range(first, end))

    def take_back(self, first: int, end: int) -> None:
        """Own the messages with first <= ordinal < end, which were added as claimed: they are in memory after all."""
        if (own := self._custody.own) is not None:
            own.take_back(first, end)

    def remove(self, first: int, end: int) -> None:
        """Delete the owned messages with first <= ordinal < end: they were settled.

        What can't be deleted now is deleted with the next call.
        """
        if (own := self._custody.own) is not None:
            own.remove(first, end)

    def give_up(self, first: int, end: int) -> int:
        """Let anyone claim the owned messages with first <= ordinal < end; how many of them are on disk."""
        own = self._custody.own
        return 0 if own is None else own.give_up(first, end)

    # Messages of anyone.

    def claim(self, max_bytes: int, max_messages: int, *, only_own: bool = False) -> list[Row]:
        """Old messages that nobody answers for, which become this store's until `settle`, `release` or `give_back`.

        First those of the file that has the oldest of all, in the order in which they were added; then those of the
        file that has the oldest of the rest. At most `max_messages` with at most `max_bytes`, but one if there is one.
        Never of another scope, and never the same to two stores while both live. With `only_own` no file is taken over.
        """
        self._custody.notice_fork()
        rows: list[Row] = []
        self._failure = None
        with self._failing():
            self._bounds.tidy()
            self._bounds.make_room(0, only_for_living=True)
        for holding in self._claimable(only_own=only_own):
            room = max_bytes - sum(len(row.body) for row in rows)
            with self._failing():
                records = holding.claim(max_messages - len(rows), room, since=self._bounds.cutoff())
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
                self._custody.let_go(holding, delete=True)
            else:
                self._custody.drop_if_empty(holding)

    def release(self, ids: Iterable[RowId]) -> None:
        """Let claimed messages be claimed again. Touches no disk."""
        for holding, ordinals in self._by_file(ids):
            holding.release(ordinals)

    def has(self, ids: Iterable[RowId]) -> bool:
        """Whether claimed messages are still this store's. Touches no disk; any thread may call it."""
        return all(self._custody.is_current(holding) for holding, _ in ids)

    @property
    def has_taken_over(self) -> bool:
        """Whether it has other processes' files."""
        return self._custody.has_taken_over

    def give_back(self) -> None:
        """Leave other processes' files, and what is claimed of them, to whoever comes. Never raises."""
        self._custody.give_back()

    def take_news(self) -> list[Loss | BadFile]:
        """What happened to messages and files since the last call. Touches no disk; any thread may call it."""
        news = self._news[:]
        del self._news[: len(news)]
        return news

    # The process.

    def close(self) -> None:
        """Leave every file, with all that is in it, to others. Never raises; the store may be used again."""
        self._custody.close()

    def abandon(self) -> None:
        """In a forked child: leave everything to the parent. Touches no file, not even to close it."""
        self._custody.abandon()

    # Files.

    def _claimable(self, *, only_own: bool) -> Iterator[Holding]:
        """The files to claim from, as they are needed: that with the oldest free message first, of equals our own."""
        files: list[SpoolFile] = []
        with self._failing():
            files = self.directory.files()
        # No message is older than its file, so that only those are opened whose turn it may be.
        ages = [
            (file.made, False, not self._custody.is_own(file), file.stem, file)
            for file in files
            if file.scope == self._scope and not file.is_broken and (self._custody.is_own(file) or not only_own)
        ]
        heapq.heapify(ages)
        while ages:
            _, is_known, is_others, stem, file = heapq.heappop(ages)
            holding = None
            with self._failing():
                holding = self._custody.take(file)
                if holding is not None and not is_known and (oldest := holding.oldest(1, 0, held=False)):
                    heapq.heappush(ages, (oldest[0].created, True, is_others, stem, file))
                    continue
            if holding is not None:
                yield holding
                with self._failing():
                    self._custody.drop_if_empty(holding)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """One file's trouble is not another's; `claim` raises it when it found nothing at all."""
        try:
            yield
        except SpoolError as error:
            self._failure = error

    def _by_file(self, ids: Iterable[RowId]) -> list[tuple[Holding, list[int]]]:
        self._custody.notice_fork()
        by_file: dict[Holding, list[int]] = {}
        for holding, ordinal in ids:
            by_file.setdefault(holding, []).append(ordinal)
        return [(holding, ordinals) for holding, ordinals in by_file.items() if self._custody.is_current(holding)]
