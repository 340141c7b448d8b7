"""The reading of one file after another: lines become records, records become calls, as fast as there is room."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import gevent
from gevent import get_hub

from segment_gevent import Client, ValidationError
from segment_gevent.cli.importing.fates import Fates
from segment_gevent.cli.importing.ledger import Entry, Ledger
from segment_gevent.cli.importing.plan import Plan
from segment_gevent.cli.importing.records import ChangedError, CsvRecords, Numbered, Record, json_records
from segment_gevent.cli.importing.sources import Source, SourceError
from segment_gevent.cli.importing.stop import Stop, StoppedError

TURN_EVERY = 500
"""Records between two turns of the event loop, some 10 ms: requests go out while lines are read."""

PACE = 0.1
"""Seconds that a slow import sleeps at a time, so that it can be stopped."""


class Reading:
    """Reads what the plan names, and has the client send it."""

    def __init__(self, plan: Plan, client: Client, fates: Fates, stop: Stop) -> None:
        self._plan = plan
        self._client = client
        self._fates = fates
        self._stop = stop
        self._begin = time.monotonic()
        self._count = 0

    def read(self, source: Source, ledger: Ledger) -> None:
        """Read a file to its end, or until the import is to stop. Switches.

        Raises:
            ShapeError: the file's columns don't fit.
        """
        try:
            self._read(source, ledger)
        except StoppedError:
            pass
        except SourceError as error:
            self._stop.ask(str(error))
        except ChangedError:
            self._stop.ask(
                f"{source.name} has changed since the checkpoint: its first {ledger.line:,} lines are others"
            )

    def _read(self, source: Source, ledger: Ledger) -> None:
        lines = Numbered(
            source.lines(partial(self._unless_stopped, source)), done=ledger.line, checksum=ledger.checksum
        )
        for record in self._records(source, lines):
            entry = ledger.enter(record)
            if entry is not None:
                self._send(entry)
                self._pace()
                self._await_room(ledger)
            if self._stop.is_asked:
                return
        ledger.is_complete = True

    def _records(self, source: Source, lines: Numbered) -> Iterator[Record]:
        delimiter = self._plan.delimiters.get(source.name)
        if delimiter is None:
            return json_records(lines)
        records = CsvRecords(lines, delimiter)
        self._plan.shape.check_columns(records.header)
        return iter(records)

    def _unless_stopped(self, source: Source, function: Callable[[], Any]) -> Any:
        """What the function returns, which blocks: on standard input maybe for ever.

        Raises:
            StoppedError: the import was told to stop.
        """
        reading = get_hub().threadpool.spawn(_caught, function)
        reading.rawlink(lambda _: self._stop.changed.set())
        while not reading.ready():
            if self._stop.is_asked:
                source.stop()
                reading.wait()  # nobody closes a file in which a thread reads: it would wait for that
                raise StoppedError
            self._stop.await_change()
        value, error = cast("tuple[Any, Exception | None]", reading.get())
        if error is not None:
            raise error
        return value

    def _send(self, entry: Entry) -> None:
        record = entry.record
        if record.problem:
            self._fates.reject(entry, record.problem)
            return
        try:
            call, arguments = self._plan.shape.call(record)
            message_id = arguments["message_id"]
            getattr(self._client, call)(**arguments)
        except ValidationError as error:
            self._fates.reject(entry, str(error))
            return
        self._fates.enter(entry, message_id)
        self._count += 1

    def _pace(self) -> None:
        if self._plan.rate:
            due = self._begin + self._count / self._plan.rate
            while not self._stop.is_asked and (ahead := due - time.monotonic()) > 0:
                gevent.sleep(min(ahead, PACE))
        elif self._count % TURN_EVERY == 0:
            gevent.sleep(1e-6)  # not 0, which gives I/O no turn

    def _await_room(self, ledger: Ledger) -> None:
        """Wait while the window is full, and then until half of it is free: batches are full so."""
        if self._fates.fills(1.0, ledger):
            while not self._stop.is_asked and self._fates.fills(0.5, ledger):
                self._stop.await_change()


def _caught(function: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """What it returns, or raised: gevent prints what a native thread of its pool lets through."""
    try:
        return function(), None
    except Exception as error:
        return None, error
