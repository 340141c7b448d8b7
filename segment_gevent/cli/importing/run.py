"""The import as a whole: wires its parts, waits for the last fates, and says what became of all."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

from segment_gevent import Client
from segment_gevent.cli.importing.checkpoint import Checkpoint
from segment_gevent.cli.importing.fates import Fates
from segment_gevent.cli.importing.plan import Plan
from segment_gevent.cli.importing.reading import Reading
from segment_gevent.cli.importing.rejects import Rejects
from segment_gevent.cli.importing.saving import Saving
from segment_gevent.cli.importing.stop import Stop
from segment_gevent.cli.importing.telling import Telling
from segment_gevent.cli.listener import Listener

GRACE = 15.0
"""Seconds for what is in flight when the import is told to stop."""

COLLECT_EVERY = 20_000
"""Objects between two looks of the garbage collector."""

ALL_SENT, SOME_REJECTED, NOT_FINISHED = 0, 1, 2
"""Exit codes."""


class Import:
    """One run."""

    def __init__(self, plan: Plan, checkpoint: Checkpoint, rejects: Rejects, telling: Telling) -> None:
        self._plan = plan
        self._telling = telling
        self._ledgers = [(source, checkpoint.ledger(source)) for source in plan.sources]
        self._stop = Stop()
        self._fates = Fates(self._ledgers, rejects, telling, self._stop)
        self._saving = Saving(checkpoint, self._ledgers, rejects, self._fates, self._stop)
        self._begin = time.monotonic()

    def run(self) -> int:
        """Import, and say what became of it. Returns the exit code. Switches.

        Raises:
            ShapeError: a file's columns don't fit.
        """
        try:
            with _collecting_seldom(), self._saving.going_on():
                self._send_all()
        finally:
            self._telling.summary(list(self._summary()))
        return self._code()

    def _send_all(self) -> None:
        client = Client.from_options(self._plan.options)
        self._fates.listen(client)
        try:
            with self._stop.on_signals():
                reading = Reading(self._plan, client, self._fates, self._stop)
                for source, ledger in self._ledgers:
                    if not self._stop.is_asked and not ledger.is_complete:
                        reading.read(source, ledger)
                self._await_fates(client)
        finally:
            with Listener():  # the log would call lost what a later run sends
                client.shutdown(0)

    def _await_fates(self, client: Client) -> None:
        deadline = None
        while self._fates.has_pending:
            if self._stop.is_asked and deadline is None:
                deadline = time.monotonic() + GRACE
            if not self._stop.delivers or (deadline is not None and time.monotonic() >= deadline):
                return
            client.flush(0.5)

    def _summary(self) -> Iterator[str]:
        seconds = time.monotonic() - self._begin
        fates = self._fates
        now = fates.count - fates.before
        word = "valid" if self._plan.is_dry else "delivered"
        yield f"{word} {fates.delivered:,}, rejected {fates.rejected:,}"
        if fates.before:
            yield f"of these {fates.before:,} by earlier runs"
        yield f"{now:,} in {seconds:.1f} s, {now / seconds if seconds else 0:,.0f} a second"
        if self._stop.why:
            yield f"not finished: {self._stop.why}"
        elif self._stop.is_asked:
            yield "not finished: stopped"

    def _code(self) -> int:
        is_complete = all(ledger.is_complete and not ledger.waiting for _, ledger in self._ledgers)
        if self._stop.is_asked or not is_complete:
            return NOT_FINISHED
        return SOME_REJECTED if self._fates.rejected else ALL_SENT


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Lines leave no circles of objects behind: to look for some every 700 objects took a tenth of an import's time."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
