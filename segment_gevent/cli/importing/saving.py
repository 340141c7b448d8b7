"""The saving of fates: every tenth of a second the rejects and the checkpoint are put on disk, in this order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import gevent
from gevent import get_hub
from gevent.event import Event

from segment_gevent.cli.importing.checkpoint import Checkpoint
from segment_gevent.cli.importing.fates import Fates
from segment_gevent.cli.importing.ledger import Ledger
from segment_gevent.cli.importing.rejects import Rejects
from segment_gevent.cli.importing.sources import Source
from segment_gevent.cli.importing.stop import Stop

WRITE_EVERY = 0.1
"""Seconds between two checkpoints: what a killed import delivered since the last one it sends again."""


class Saving:
    """Follows the ledgers; a disk that fails stops the import."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        ledgers: Sequence[tuple[Source, Ledger]],
        rejects: Rejects,
        fates: Fates,
        stop: Stop,
    ) -> None:
        self._checkpoint = checkpoint
        self._ledgers = ledgers
        self._rejects = rejects
        self._fates = fates
        self._stop = stop
        self._written = b""

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Save now, in the background, and once more at the end. Switches."""
        self._save()  # so that a run that is killed at once leaves no rejects without a checkpoint
        is_over = Event()
        writer = gevent.spawn(self._keep_saving, is_over)
        try:
            yield
        finally:
            is_over.set()
            writer.join()
            self._save()
            self._rejects.close()

    def _keep_saving(self, is_over: Event) -> None:
        while not is_over.wait(WRITE_EVERY):
            self._save()

    def _save(self) -> None:
        settled = self._fates.settled
        try:
            size = self._rejects.flush()
            for source, ledger in self._ledgers:
                if ledger.delivered or ledger.rejected:
                    self._checkpoint.note(source, ledger)
            content = self._checkpoint.content(size)
            if content == self._written:
                return
            pool = get_hub().threadpool
            pool.apply(self._rejects.sync)
            pool.apply(self._checkpoint.write, (content,))
        except OSError as error:
            self._stop.ask(f"the checkpoint or the rejects can't be written: {error.strerror}", delivers=False)
            return
        self._written = content
        self._fates.saved = settled
        self._stop.changed.set()
