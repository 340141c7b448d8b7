"""The store as delivery uses it: away from the hub, and with its troubles told in the log.

Where the disk fails, delivery goes on from memory; one line says so, and another when the disk works again.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from segment_gevent.delivery.fates import Fates
from segment_gevent.delivery.spool.disk import RUN_TIMEOUT, Disk, hook_forks
from segment_gevent.delivery.spool.store import BadFile, Loss, SpoolError, Store
from segment_gevent.delivery.trouble import Trouble
from segment_gevent.words import counted

T = TypeVar("T")

READING = "reading"
WRITING = "writing"
"""A full disk can still be read: one says nothing of the other."""


class Storage:
    """One client's store, and the thread that works on it."""

    def __init__(self, store: Store, *, fates: Fates, logger: logging.Logger) -> None:
        self.store = store
        self._disk = Disk()
        hook_forks()
        self._fates = fates
        self._logger = logger
        self._pid = os.getpid()
        self._failing: set[str] = set()
        self._losses: dict[str, Trouble] = {}

    def run(
        self,
        work: Callable[[], object],
        *,
        until: float | None = None,
        orphaned: Callable[[], object] | None = None,
        proves: str | None = WRITING,
    ) -> bool:
        """Whether the disk did the work, as `result`."""
        forget = None if orphaned is None else lambda _: orphaned()
        return self.result(lambda: (work(), True)[1], until=until, orphaned=forget, proves=proves) is True

    def result(
        self,
        work: Callable[[], T],
        *,
        until: float | None = None,
        orphaned: Callable[[T], object] | None = None,
        proves: str | None = WRITING,
    ) -> T | None:
        """What the work returns; None where the disk fails, or has not done it by the monotonic time `until`. Switches.

        Without `until` the disk has 30 s. What work comes to after its caller has left goes to `orphaned`. In a forked
        child None: a greenlet of the parent's may wake once more there, and would keep what the parent sends.
        `proves` says what works if this does; None where there may have been nothing to do.
        """
        if self._pid != os.getpid():
            return None
        timeout = RUN_TIMEOUT if until is None else max(0.0, min(RUN_TIMEOUT, until - time.monotonic()))
        try:
            result = self._disk.run(work, timeout=timeout, orphaned=orphaned)
        except SpoolError as error:
            self._say_failing(error, proves or WRITING)
            return None
        try:
            self._say_works(proves)
            self._tell_news()
        except BaseException:  # a log handler may switch, and the caller be killed there
            if orphaned is not None:
                self._disk.later(partial(orphaned, result))
            raise
        return result

    def later(self, work: Callable[[], object]) -> None:
        """Have the work done after all that was asked for; nobody hears how it went. Never switches."""
        self._disk.later(work)

    def say_replayed(self) -> None:
        """What was on disk is replayed: say how much of it was gone."""
        for reason, trouble in self._losses.items():
            trouble.end(f"the spool is replayed; %s gone from it: {reason}")

    def close(self, until: float) -> None:
        """Leave the files to others: by the monotonic time `until`, or else when the disk gets to it. Switches."""
        if not self.run(self.store.close, until=until, proves=None):
            self._disk.later(self.store.close)
        self._disk.close()

    def abandon(self) -> None:
        """In a forked child: everything is the parent's."""
        self.store.abandon()
        self._disk.abandon()

    def _say_failing(self, error: SpoolError, what: str) -> None:
        is_new = not self._failing
        self._failing.add(what)
        if is_new:
            self._logger.warning("the spool fails, and messages are kept in memory only: %s", error)
        self._tell_news()

    def _say_works(self, what: str | None) -> None:
        if what in self._failing:
            self._failing.discard(what)
            if not self._failing:
                self._logger.info("the spool works again")

    def _tell_news(self) -> None:
        news = self.store.take_news()
        for item in news:  # first, since the log may switch, and who is killed there must have lost no count
            if isinstance(item, Loss) and item.is_mine:
                self._fates.lose_spooled(item.messages, item.bodies, item.reason)
        for item in news:
            if isinstance(item, BadFile):
                self._logger.warning(
                    "a spool file is %s: %s; %s saved", item.reason, item.path, counted(item.salvaged, "message")
                )
            elif isinstance(item, Loss):
                trouble = self._losses.setdefault(item.reason, Trouble(self._logger))
                trouble.start("messages are gone from the spool: %s", item.reason, messages=item.messages)
