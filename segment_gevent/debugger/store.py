"""The events that arrived: counted at once, kept in SQLite soon after, the newest of them within bounds.

SQLite works in a native thread of its own, so that a search through 100,000 events keeps no request waiting. Taking
events in only appends to a list; whoever asks for events waits until those of the list are written.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import gevent
import orjson
from gevent.lock import BoundedSemaphore
from gevent.threadpool import ThreadPool

from segment_gevent.debugger.catalogue import properties_of
from segment_gevent.debugger.counts import MAX_IDS, Counts
from segment_gevent.debugger.database import Database, DatabaseError
from segment_gevent.debugger.event import Event
from segment_gevent.debugger.settings import KEEP

MAX_BYTES = 256 * 1024 * 1024
# Written in groups: a transaction costs some 0.1 ms, and more where it goes to a disk.
WRITE_INTERVAL = 0.05
# More than this waits where more comes than can be written: then the senders wait too, so that readers, whose turn
# comes with the writers', are not kept waiting. With 20,000 it took 80 to 100 MB more.
_MAX_PENDING = 5_000
_MAX_PENDING_BYTES = 8 * 1024 * 1024

P = ParamSpec("P")
R = TypeVar("R")


class EventStore:
    """Keeps the newest events, at most `max_events` of them and `max_bytes` of JSON; counts every one since `reset`.

    With a `path` they are in that file, and those that it held are there and counted from the start.

    Raises:
        DatabaseError: the file cannot be used.
    """

    def __init__(
        self,
        path: str | None = None,
        max_events: int = KEEP,
        max_bytes: int = MAX_BYTES,
        max_ids: int = MAX_IDS,
    ) -> None:
        self.max_events = max_events
        self.max_bytes = max_bytes
        self.max_ids = max_ids
        self.resets = 0
        self.last = 0
        self._database = Database(path)
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._pending: list[Event] = []
        self._pending_bytes = 0
        self._thread = ThreadPool(1)
        self._turn = BoundedSemaphore(1)
        self._writer: gevent.Greenlet[[], None] | None = None
        self.counts = Counts(max_ids)
        self._recall()

    def _recall(self) -> None:
        for event in self._database.events():
            event.properties = properties_of(orjson.loads(event.message))
            if event.message_id is not None:
                self.counts.seen.add(event.message_id)
            self.counts.duplicates += event.duplicate
            self.counts.distinct += not event.duplicate
            self.counts.add(event)
            self.last = event.id
            self._hold(event)

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def path(self) -> str | None:
        """The file; None in memory."""
        return self._database.path

    @property
    def floor(self) -> int:
        """The id of the oldest event that is kept; below it there is none."""
        return self.last - len(self._sizes) + 1

    def reset(self) -> None:
        """Forget every event, messageId and count. Ids go on. Never switches."""
        self._sizes.clear()
        self._bytes = 0
        self._pending, self._pending_bytes = [], 0
        self.counts = Counts(self.max_ids)
        self.resets += 1
        self._write_soon()

    def add(self, event: Event) -> None:
        """Keep and count an accepted event; marks it as a duplicate when its messageId came before. Never switches."""
        self.counts.arrived(event)
        self.add_refused(event)

    def add_refused(self, event: Event) -> None:
        """Keep and count an event whose request was refused: it can be read, but its messageId did not arrive."""
        self.last += 1
        event.id = self.last
        self.counts.add(event)
        event.properties = {}
        self._hold(event)
        self._pending.append(event)
        self._pending_bytes += len(event.message)
        self._write_soon()

    def keep_up(self) -> None:
        """Wait, cooperatively, where more events came than could be written. For who takes events in."""
        if self._is_behind():
            with self._turn:
                # Of many that waited for their turn the first has written for all: who reads comes next.
                if self._is_behind():
                    self._at_once(_nothing)

    def _is_behind(self) -> bool:
        return len(self._pending) > _MAX_PENDING or self._pending_bytes > _MAX_PENDING_BYTES

    def ask(self, work: Callable[Concatenate[Database, P], R], *arguments: P.args, **named: P.kwargs) -> R:
        """Run `work` with the database in its thread, after all that was added before; waits cooperatively."""
        with self._turn:
            return self._at_once(work, *arguments, **named)

    def close(self) -> None:
        """Write what waits, and close the file; waits cooperatively."""
        if self._writer is not None:
            self._writer.kill()
        self.ask(Database.close)
        self._thread.kill()

    def _at_once(self, work: Callable[Concatenate[Database, P], R], *arguments: P.args, **named: P.kwargs) -> R:
        """`ask`, for who has the turn."""
        events, self._pending, self._pending_bytes = self._pending, [], 0
        answer: R = self._thread.apply(self._written, (events, self.floor, work, *arguments), named)
        return answer

    def _written(
        self,
        events: list[Event],
        floor: int,
        work: Callable[Concatenate[Database, P], R],
        *rest: P.args,
        **named: P.kwargs,
    ) -> R:
        try:
            self._database.write([event for event in events if event.id >= floor], floor)
        except DatabaseError as error:
            sys.stderr.write(f"{error}; {len(events)} events are not kept\n")
        return work(self._database, *rest, **named)

    def _hold(self, event: Event) -> None:
        self._sizes.append(len(event.message))
        self._bytes += len(event.message)
        while len(self._sizes) > self.max_events or self._bytes > self.max_bytes:
            self._bytes -= self._sizes.popleft()

    def _write_soon(self) -> None:
        if self._writer is None or self._writer.dead:
            self._writer = gevent.spawn(self._write)

    def _write(self) -> None:
        while True:
            gevent.sleep(WRITE_INTERVAL)
            self.ask(_nothing)
            if not self._pending:
                return


def _nothing(_database: Database) -> None:
    pass
