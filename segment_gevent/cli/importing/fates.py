"""The fates: which records are on their way, what became of each, and how many may be on their way at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segment_gevent import Client, DeliveryError
from segment_gevent.cli.importing.ledger import Entry, Ledger
from segment_gevent.cli.importing.rejects import Rejects
from segment_gevent.cli.importing.sources import Source
from segment_gevent.cli.importing.stop import Stop
from segment_gevent.cli.importing.telling import Telling
from segment_gevent.cli.single import in_words
from segment_gevent.delivery.retry import is_about_sender, is_retryable
from segment_gevent.events.message import MESSAGE_LIMIT

WINDOW = 20_000
"""Records without a fate, at most: eight of the fullest batches."""
WINDOW_BYTES = 16 << 20

UNSAVED = 40_000
"""Messages that were sent and whose fates no checkpoint has, at most: so many a killed import sends twice."""


class Fates:
    """Hears of every message's fate, and writes it into the ledger of the file that its line is of."""

    def __init__(
        self, ledgers: Sequence[tuple[Source, Ledger]], rejects: Rejects, telling: Telling, stop: Stop
    ) -> None:
        self._sources = [source for source, _ in ledgers]
        self._ledgers = [ledger for _, ledger in ledgers]
        self._names = {id(ledger): source.name for source, ledger in ledgers}
        self._rejects = rejects
        self._telling = telling
        self._stop = stop
        self._pending: dict[str, Entry] = {}
        self.settled = 0
        """Messages that got their fate in this run."""
        self.saved = 0
        """So many of these are in the checkpoint."""
        self.before = self.count
        """Records that had their fate before this run."""

    @property
    def delivered(self) -> int:
        return sum(ledger.delivered for ledger in self._ledgers)

    @property
    def rejected(self) -> int:
        return sum(ledger.rejected for ledger in self._ledgers)

    @property
    def count(self) -> int:
        """Records that have their fate, those of earlier runs included."""
        return self.delivered + self.rejected

    @property
    def has_pending(self) -> bool:
        """Whether a message is on its way."""
        return bool(self._pending)

    def listen(self, client: Client) -> None:
        """Hear of the fates of this client's messages."""
        client.on_success(lambda data, _response: self._delivered(data["batch"]))
        client.on_failure(self._failed)
        client.on_drop(self._dropped)

    def enter(self, entry: Entry, message_id: str) -> None:
        """The record's message is on its way."""
        entry.twin = self._pending.get(message_id)
        self._pending[message_id] = entry

    def reject(self, entry: Entry, reason: str) -> None:
        """The record is a bad one."""
        name = self._names[id(entry.ledger)]
        try:
            self._rejects.write(name, entry.line, reason, entry.raw)
        except OSError as error:
            self._stop.ask(f"the rejects can't be written: {error.strerror}", delivers=False)
            return
        self._telling.rejected(name, entry.line, reason)
        entry.ledger.settle(entry, is_delivered=False)

    def is_full(self, ledger: Ledger, share: int = 1) -> bool:
        """Whether what is on its way, or of this file cannot be forgotten, takes this part of the room."""
        room = WINDOW // share
        pending = len(self._pending)
        return (
            pending >= room
            or ledger.waiting >= room
            or ledger.size >= WINDOW_BYTES // share
            or pending + self.settled - self.saved >= UNSAVED // share
        )

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
            self._stop.ask(in_words(error), delivers=False)
            return
        for message in data["batch"]:
            entry = self._taken(message["messageId"])
            if entry is not None:
                self.reject(entry, in_words(error))
        self._tell()

    def _dropped(self, message: Mapping[str, Any], reason: str) -> None:
        if reason == "too_large" and (entry := self._taken(message["messageId"])) is not None:
            self.reject(entry, f"the message has over {MESSAGE_LIMIT:,} bytes")
            self._tell()
        elif reason not in {"shutdown", "closed"}:
            self._stop.ask(reason, delivers=False)

    def _taken(self, message_id: str) -> Entry | None:
        entry = self._pending.pop(message_id, None)
        if entry is not None:
            self.settled += 1
            if entry.twin is not None:
                self._pending[message_id] = entry.twin
        return entry

    def _tell(self) -> None:
        self._telling.progress(sum(source.read for source in self._sources), self.count - self.before)
        self._stop.changed.set()
