"""The checkpoint: on disk, which lines of which files have their fate, so that a later run goes on behind them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

from segment_gevent.cli.importing.ledger import Ledger
from segment_gevent.cli.importing.sources import Source, State

VERSION = 1


class CheckpointError(Exception):
    """It can't be read, written, or used for this import; the text says why."""


class Checkpoint:
    """One file of JSON, replaced as a whole, and on disk when `write` returns.

    Args:
        path: where; "" keeps it in memory only.
        terms: what must be the same for every run, such as the host.

    Raises:
        CheckpointError: it belongs to another import, or can't be read.
    """

    def __init__(self, path: str, terms: dict[str, str]) -> None:
        self._path = Path(path) if path else None
        self._terms = terms
        self._files: dict[str, dict[str, Any]] = {}
        self.rejects_size = 0
        """Bytes of the rejects that belong to lines in here."""
        self.is_resumed = self._path is not None and self._path.exists()
        if self.is_resumed:
            self._read()

    def ledger(self, source: Source) -> Ledger:
        """What is known of a file.

        Raises:
            CheckpointError: that makes no sense.
        """
        kept = self._files.get(source.path)
        if kept is None:
            return Ledger()
        try:
            ledger = Ledger.from_json(kept["ledger"])
            is_complete = bool(kept["ledger"]["complete"])
            state = None if kept["state"] is None else State(*kept["state"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{self._path} is no checkpoint of this version") from error
        ledger.is_complete = is_complete and state is not None and state == source.state
        return ledger

    def note(self, source: Source, ledger: Ledger) -> None:
        """Take over what is known of a file now; `write` puts it on disk."""
        self._files[source.path] = {"state": source.state and list(source.state), "ledger": ledger.as_json()}

    def content(self, rejects_size: int) -> bytes:
        """What `write` is to put on disk, as of now."""
        return orjson.dumps(
            {"version": VERSION, "terms": self._terms, "rejects": rejects_size, "files": self._files},
            option=orjson.OPT_INDENT_2,
        )

    def write(self, content: bytes) -> None:
        """Replace the file. Blocks for the disk, some milliseconds.

        Raises:
            OSError: it can't.
        """
        if self._path is None:
            return
        new = self._path.with_name(f"{self._path.name}.new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self) -> None:
        assert self._path is not None
        try:
            kept = orjson.loads(self._path.read_bytes())
            version, terms = kept["version"], kept["terms"]
            self._files, self.rejects_size = dict(kept["files"]), int(kept["rejects"])
        except OSError as error:
            raise CheckpointError(f"{self._path}: {error.strerror}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{self._path} is no checkpoint") from error
        if version != VERSION:
            raise CheckpointError(f"{self._path} is a checkpoint of another version")
        for name, value in self._terms.items():
            if terms.get(name) != value:
                raise CheckpointError(f"{self._path} is of an import with another {name}; give a checkpoint of its own")
