"""The import as a whole: reads lines, has the client send them, writes down their fates, and stops when it must."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import gevent
from gevent import get_hub
from gevent.event import Event

from segment_gevent import Client, DeliveryError, Options, ValidationError
from segment_gevent.cli.importing.checkpoint import Checkpoint
from segment_gevent.cli.importing.ledger import Entry, Ledger
from segment_gevent.cli.importing.records import ChangedError, CsvRecords, Numbered, Record, json_records
from segment_gevent.cli.importing.rejects import Rejects
from segment_gevent.cli.importing.shape import Shape
from segment_gevent.cli.importing.sources import Source, SourceError
from segment_gevent.cli.importing.telling import Telling
from segment_gevent.cli.single import in_words
from segment_gevent.delivery.retry import is_about_sender, is_retryable
from segment_gevent.events.message import MESSAGE_LIMIT

WINDOW = 20_000
"""Records without a fate, at most: eight of the fullest batches."""
WINDOW_BYTES = 16 << 20

TURN_EVERY = 500
"""Records between two turns of the event loop, some 10 ms: requests go out while lines are read."""

WRITE_EVERY = 0.1
"""Seconds between two checkpoints: what a killed import delivered since the last one it sends again."""

PACE = 0.1
"""Seconds that a slow import sleeps at a time, so that it can be stopped."""

GRACE = 15.0
"""Seconds for what is in flight when the import is told to stop."""

ALL_SENT, SOME_REJECTED, NOT_FINISHED = 0, 1, 2
"""Exit codes."""


@dataclass(frozen=True)
class Plan:
    """What is to be imported, and how."""

    sources: Sequence[Source]
    shape: Shape
    options: Options
    delimiters: Mapping[str, str] = field(default_factory=dict)
    """Of the sources that are CSV, by name."""
    rate: float = 0.0
    """Messages a second at most; 0 is no limit."""
    is_dry: bool = False


class StoppedError(Exception):
    """The import was told to stop while it waited for a file."""


class Import:
    """One run."""

    def __init__(self, plan: Plan, checkpoint: Checkpoint, rejects: Rejects, telling: Telling) -> None:
        self._plan = plan
        self._checkpoint = checkpoint
        self._rejects = rejects
        self._telling = telling
        self._ledgers = [(source, checkpoint.ledger(source)) for source in plan.sources]
        self._before = sum(self._fates(ledger) for _, ledger in self._ledgers)
        self._pending: dict[str, Entry] = {}
        self._changed = Event()
        self._is_stopping = False
        self._why = ""
        self._names = {id(ledger): source.name for source, ledger in self._ledgers}
        self._begin = time.monotonic()
        self._count = 0
        self._written = b""
        self._is_over = Event()

    def run(self) -> int:
        """Import, and say what became of it. Returns the exit code. Switches.

        Raises:
            ShapeError: a file's columns don't fit.
        """
        client = Client.from_options(self._plan.options)
        client.on_success(lambda data, _response: self._delivered(data["batch"]))
        client.on_failure(self._failed)
        client.on_drop(self._dropped)
        writer = gevent.spawn(self._keep_writing)
        try:
            with self._stopping_on_signals():
                self._read_all(client)
                self._await_fates(client)
        finally:
            client.shutdown(0)
            self._is_over.set()
            writer.join()
            self._write()
            self._rejects.close()
            self._telling.summary(list(self._summary()))
        return self._code()

    # Reading.

    def _read_all(self, client: Client) -> None:
        for source, ledger in self._ledgers:
            if self._is_stopping:
                return
            if ledger.is_complete:
                continue
            try:
                self._read(client, source, ledger)
            except StoppedError:
                return
            except SourceError as error:
                self._stop(str(error))
            except ChangedError:
                self._stop(
                    f"{source.name} has changed since the checkpoint: its first {ledger.line:,} lines are others"
                )

    def _read(self, client: Client, source: Source, ledger: Ledger) -> None:
        lines = Numbered(
            source.lines(partial(self._unless_stopped, source)), done=ledger.line, checksum=ledger.checksum
        )
        for record in self._records(source, lines):
            entry = ledger.enter(record)
            if entry is not None:
                self._send(client, entry)
                self._pace()
                self._await_room(ledger)
            if self._is_stopping:
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
        reading.rawlink(lambda _: self._changed.set())
        while not reading.ready():
            self._changed.clear()
            if self._is_stopping:
                source.stop()
                reading.wait()  # nobody closes a file in which a thread reads: it would wait for that
                raise StoppedError
            if not reading.ready():
                self._changed.wait()
        value, error = cast("tuple[Any, Exception | None]", reading.get())
        if error is not None:
            raise error
        return value

    def _send(self, client: Client, entry: Entry) -> None:
        record = entry.record
        if record.problem:
            self._reject(entry, record.problem)
            return
        try:
            call, arguments = self._plan.shape.call(record)
            message_id = arguments["message_id"]
            getattr(client, call)(**arguments)
        except ValidationError as error:
            self._reject(entry, str(error))
            return
        entry.twin = self._pending.get(message_id)
        self._pending[message_id] = entry
        self._count += 1

    def _pace(self) -> None:
        if self._plan.rate:
            due = self._begin + self._count / self._plan.rate
            while not self._is_stopping and (ahead := due - time.monotonic()) > 0:
                gevent.sleep(min(ahead, PACE))
        elif self._count % TURN_EVERY == 0:
            gevent.sleep(1e-6)  # not 0, which gives I/O no turn

    def _await_room(self, ledger: Ledger) -> None:
        """Wait while the window is full, and then until half of it is free: batches are full so."""
        if self._fills(1.0, ledger):
            while not self._is_stopping and self._fills(0.5, ledger):
                self._changed.clear()
                self._changed.wait()

    def _fills(self, share: float, ledger: Ledger) -> bool:
        """Whether what has no fate, of any file, or cannot be forgotten, of this one, fills so much of the window."""
        waiting = max(len(self._pending), ledger.waiting)
        return waiting >= share * WINDOW or ledger.size >= share * WINDOW_BYTES

    def _await_fates(self, client: Client) -> None:
        deadline = None
        while self._pending:
            if self._is_stopping and deadline is None:
                deadline = time.monotonic() + GRACE
            if deadline is not None and (self._why or time.monotonic() >= deadline):
                return
            client.flush(0.5)

    # Fates.

    def _delivered(self, batch: Sequence[Mapping[str, Any]]) -> None:
        for message in batch:
            entry = self._taken(message["messageId"])
            if entry is not None:
                entry.ledger.settle(entry, is_delivered=True)
        self._tell()

    def _failed(self, data: Mapping[str, Any], error: DeliveryError) -> None:
        """A verdict on messages rejects their lines; anything else is no fault of theirs, and ends the import."""
        status = error.status
        if error.reason != "status" or status is None or is_about_sender(status) or is_retryable(status):
            self._stop(in_words(error))
            return
        for message in data["batch"]:
            entry = self._taken(message["messageId"])
            if entry is not None:
                self._reject(entry, in_words(error))
        self._tell()

    def _dropped(self, message: Mapping[str, Any], reason: str) -> None:
        if reason == "too_large" and (entry := self._taken(message["messageId"])) is not None:
            self._reject(entry, f"the message has over {MESSAGE_LIMIT:,} bytes")
            self._tell()
        elif reason not in {"shutdown", "closed"}:
            self._stop(reason)

    def _taken(self, message_id: str) -> Entry | None:
        entry = self._pending.pop(message_id, None)
        if entry is not None and entry.twin is not None:
            self._pending[message_id] = entry.twin
        return entry

    def _reject(self, entry: Entry, reason: str) -> None:
        name = self._names[id(entry.ledger)]
        self._rejects.write(name, entry.record.line, reason, entry.record.raw)
        self._telling.rejected(name, entry.record.line, reason)
        entry.ledger.settle(entry, is_delivered=False)

    def _tell(self) -> None:
        settled = sum(self._fates(ledger) for _, ledger in self._ledgers) - self._before
        self._telling.progress(sum(source.read for source in self._plan.sources), settled)
        self._changed.set()

    # The disk.

    def _keep_writing(self) -> None:
        while not self._is_over.wait(WRITE_EVERY):
            self._write()

    def _write(self) -> None:
        """Put the fates so far on disk, the rejects first. Switches."""
        size = self._rejects.flush()
        for source, ledger in self._ledgers:
            if self._fates(ledger):
                self._checkpoint.note(source, ledger)
        content = self._checkpoint.content(size)
        if content == self._written:
            return
        try:
            pool = get_hub().threadpool
            pool.apply(self._rejects.sync)
            pool.apply(self._checkpoint.write, (content,))
        except OSError as error:
            self._stop(f"the checkpoint can't be written: {error.strerror}")
        else:
            self._written = content

    # The end.

    def _stop(self, why: str) -> None:
        self._why = self._why or why
        self._is_stopping = True
        self._changed.set()

    @contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end the reading; a second one ends the process as it would any."""

        def stop(number: int, _frame: object) -> None:
            self._is_stopping = True
            self._changed.set()
            signal.signal(number, before[signal.Signals(number)])

        before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
        for each in before:
            signal.signal(each, stop)
        try:
            yield
        finally:
            for each, handler in before.items():
                with suppress(TypeError):  # None: one that was not set by Python
                    signal.signal(each, handler)

    def _summary(self) -> Iterator[str]:
        seconds = time.monotonic() - self._begin
        delivered = sum(ledger.delivered for _, ledger in self._ledgers)
        rejected = sum(ledger.rejected for _, ledger in self._ledgers)
        now = delivered + rejected - self._before
        word = "valid" if self._plan.is_dry else "delivered"
        yield f"{word} {delivered:,}, rejected {rejected:,}"
        if self._before:
            yield f"of these {self._before:,} by earlier runs"
        yield f"{now:,} in {seconds:.1f} s, {now / seconds if seconds else 0:,.0f} a second"
        if self._why:
            yield f"not finished: {self._why}"
        elif self._is_stopping:
            yield "not finished: stopped"

    def _code(self) -> int:
        if self._is_stopping or not all(ledger.is_complete and not ledger.waiting for _, ledger in self._ledgers):
            return NOT_FINISHED
        return SOME_REJECTED if any(ledger.rejected for _, ledger in self._ledgers) else ALL_SENT

    @staticmethod
    def _fates(ledger: Ledger) -> int:
        return ledger.delivered + ledger.rejected


def _caught(function: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """What it returns, or raised: gevent prints what a native thread of its pool lets through."""
    try:
        return function(), None
    except Exception as error:
        return None, error
