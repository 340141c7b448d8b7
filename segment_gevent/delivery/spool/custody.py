"""The files that a store answers for: its process's own, and those of processes that ended, which it took over."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from segment_gevent.delivery.spool.database import SpoolError, SpoolFileError
from segment_gevent.delivery.spool.directory import SpoolDirectory, SpoolFile
from segment_gevent.delivery.spool.holding import BadFile, Holding, Loss, Settings


class Custody:
    """Opens, takes over, leaves and deletes files; in a forked child it has none. Methods may raise SpoolError."""

    def __init__(self, directory: SpoolDirectory, scope: str, settings: Settings) -> None:
        self._directory = directory
        self._scope = scope
        self._settings = settings
        self._pid = os.getpid()
        self._own: Holding | None = None
        self._taken_over: dict[str, Holding] = {}
        self._shunned: set[str] = set()

    def notice_fork(self) -> None:
        """Have none in a forked child, also where forks run no hooks."""
        if self._pid != os.getpid():
            self.abandon()

    @property
    def own(self) -> Holding | None:
        """The file that this process adds to, if it has added anything."""
        self.notice_fork()
        return self._own

    def made(self) -> Holding:
        """Our own file, made anew where there is none or somebody took it away."""
        own = self.own
        if own is not None and not own.is_in_place:
            self._own = None
            own.leave(delete=True)
            if own.free:
                self._settings.news.append(Loss("spool_damaged", True, own.free, ()))
            own = None
        if own is None:
            self._directory.prepare()
            file = self._directory.new_file(self._scope, self._settings.milliseconds())
            own = self._own = Holding.make(file, self._settings)
        return own

    @property
    def has_taken_over(self) -> bool:
        """Whether there are other processes' files among them."""
        return bool(self._taken_over)

    def all(self) -> list[Holding]:
        """Those taken over, then our own."""
        return [*self._taken_over.values(), *([self._own] if self._own else [])]

    def is_own(self, file: SpoolFile) -> bool:
        return self._own is not None and file.stem == self._own.file.stem

    def has_taken(self, file: SpoolFile) -> bool:
        """Whether it was another process's."""
        return file.stem in self._taken_over

    def is_current(self, holding: Holding) -> bool:
        """Whether it was not given back since. Touches no disk; any thread may call it."""
        return holding in (self._own, self._taken_over.get(holding.file.stem))

    def take(self, file: SpoolFile) -> Holding | None:
        """Our own, one that was taken over, or is now; None if its process lives, or it is of no use."""
        if self.is_own(file):
            return self._own
        if file.stem in self._taken_over or file.stem in self._shunned:
            return self._taken_over.get(file.stem)
        try:
            holding = Holding.take_over(file, self._settings)
        except SpoolFileError as error:
            if error.reason == "newer":
                self._shunned.add(file.stem)
                self._settings.news.append(BadFile(file.path, "newer", 0))
            return None
        if holding is not None:
            self._taken_over[file.stem] = holding
        return holding

    def drop_if_empty(self, holding: Holding) -> None:
        """Delete another's file that has nothing left; our own serves on."""
        if not holding.is_mine and not holding.claimed and holding.is_empty():
            self.let_go(holding, delete=True)

    def let_go(self, holding: Holding, *, delete: bool) -> None:
        """Answer for it no more."""
        if holding is self._own:
            self._own = None
        else:
            del self._taken_over[holding.file.stem]
        holding.leave(delete=delete)

    def give_back(self) -> None:
        """Leave other processes' files to whoever comes. Never raises."""
        if self._pid == os.getpid():
            _leave(self._taken_over.values())
            self._taken_over.clear()

    def close(self) -> None:
        """Leave every file to others. Never raises; they may be opened again."""
        self.give_back()
        if self._pid == os.getpid() and self._own is not None:
            _leave([self._own])
        self._forget()

    def abandon(self) -> None:
        """In a forked child: leave everything to the parent. Touches no file, not even to close it."""
        self._forget()
        self._settings.news.clear()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._own = None
        self._taken_over = {}
        self._shunned = set()


def _leave(holdings: Iterable[Holding]) -> None:
    for holding in list(holdings):
        is_empty = False
        with suppress(SpoolError):
            is_empty = holding.is_empty()
        holding.leave(delete=is_empty)
