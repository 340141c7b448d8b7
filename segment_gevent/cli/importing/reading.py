"""The reading of one file after another: lines become records, records become calls, as fast as there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, cast

import gevent
from gevent import get_hub

from segment_gevent import Client, ValidationError
from segment_gevent.cli.importing.fates import Fates
from segment_gevent.cli.importing.ledger import Entry, Ledger
from segment_gevent.cli.importing.pace import Pace
from segment_gevent.cli.importing.plan import Plan
from segment_gevent.cli.importing.records import ChangedError, CsvRecords, Numbered, Record, json_records
from segment_gevent.cli.importing.shape import Ids
from segment_gevent.cli.importing.sources import Source, SourceError
from segment_gevent.cli.importing.stop import Stop, StoppedError
from segment_gevent.cli.single import mistake

TURN_EVERY = 500
"""Records between two turns of the event loop, some 10 ms: requests go out while lines are read."""


class Reading:
    """Reads what the plan names, and has the client send it."""

    def __init__(self, plan: Plan, client: Client, fates: Fates, stop: Stop) -> None:
        self._plan = plan
        self._client = client
        self._fates = fates
        self._stop = stop
        self._pace = Pace(plan.rate, stop.sleep) if plan.rate and not plan.is_dry else None

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
        records, header = self._records(source, lines)
        ids = Ids(source.path, header, self._plan.shape.fingerprint)
        for count, record in enumerate(records, 1):
            entry = ledger.enter(record)
            if entry is not None:
                self._send(record, ids, entry)
                if self._fates.is_full(ledger):
                    self._await_room(ledger)
            if count % TURN_EVERY == 0:
                gevent.sleep(1e-6)  # not 0, which gives I/O no turn
            if self._stop.is_asked:
                return
        ledger.is_complete = True

    def _records(self, source: Source, lines: Numbered) -> tuple[Iterator[Record], Sequence[str]]:
        """What the lines say; and the header, if there is one."""
        if not source.delimiter:
            return json_records(lines), ()
        records = CsvRecords(lines, source.delimiter)
        self._plan.shape.check_columns(records.header)
        return iter(records), records.header

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

    def _send(self, record: Record, ids: Ids, entry: Entry) -> None:
        if record.problem:
            self._fates.reject(entry, record.problem)
            return
        try:
            call, arguments = self._plan.shape.call(record, ids)
            message_id = arguments["message_id"]
            getattr(self._client, call)(**arguments)
        except ValidationError as error:
            self._fates.reject(entry, mistake(error))
            return
        self._fates.enter(entry, message_id)
        if self._pace is not None:
            self._pace.await_turn()

    def _await_room(self, ledger: Ledger) -> None:
        """Wait until half of the window is free: batches are full so."""
        while not self._stop.is_asked and self._fates.is_full(ledger, 2):
            self._stop.await_change()


def _caught(function: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """What it returns, or raised: gevent prints what a native thread of its pool lets through."""
    try:
        return function(), None
    except Exception as error:
        return None, error
