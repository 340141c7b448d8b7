"""The checkpoint: on disk, which lines of which files have their fate, so that a later run goes on behind them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segment_gevent.cli.importing.claim import Claim, ClaimedError
from segment_gevent.cli.importing.ledger import Ledger
from segment_gevent.cli.importing.sources import Source, State

VERSION = 1
SEEN_BY_THE_SERVER = ("write key", "host")
"""Terms that may still change while nothing was delivered: the first ones may have been wrong."""
OTHER = "give this one a checkpoint of its own"


class CheckpointError(Exception):
    """It can't be read, written, or used for this import; the text says why."""


class Checkpoint:
    """One file of JSON, replaced as a whole, and on disk when `write` returns. Close it.

    Args:
        path: where; "" keeps it in memory only.
        terms: what must be the same for every run, such as the host.
        sources: what this run imports.

    Raises:
        CheckpointError: it belongs to another import, another process has it, or it can't be read.
        OSError: it can't be written.
    """

    def __init__(self, path: str, terms: dict[str, str], sources: Sequence[Source]) -> None:
        self._path = Path(path) if path else None
        self._terms = terms
        self._claim = self._claimed(path) if path else None
        self._kept_terms: dict[str, str] = {}
        self._files: dict[str, dict[str, Any]] = {}
        self.rejects_size = 0
        """Bytes of the rejects that belong to lines in here."""
        self.is_resumed = self._path is not None and self._path.exists()
        try:
            if self.is_resumed:
                self._read()
                self._check(sources)
        except (KeyError, TypeError, ValueError) as error:
            self.close()
            raise CheckpointError(f"{path} is no checkpoint") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let another process have it."""
        if self._claim is not None:
            self._claim.close()
            self._claim = None

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
            delimiter = str(kept["delimiter"])
            state = None if kept["state"] is None else State(*kept["state"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{self._path} is no checkpoint of this version") from error
        if delimiter != source.delimiter:
            raise CheckpointError(f"{self._path}: {source.name} was read with another --format or --delimiter")
        ledger.is_complete = is_complete and state is not None and state == source.state
        return ledger

    def note(self, source: Source, ledger: Ledger) -> None:
        """Take over what is known of a file now; `write` puts it on disk."""
        self._files[source.path] = {
            "state": source.state and list(source.state),
            "delimiter": source.delimiter,
            "ledger": ledger.as_json(),
        }

    def content(self, rejects_size: int) -> bytes:
        """What `write` is to put on disk, as of now."""
        kept = {"version": VERSION, "terms": self._terms, "rejects": rejects_size, "files": self._files}
        return json.dumps(kept, indent=2).encode()  # orjson has no way to write a file's name that is no UTF-8

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
            kept = json.loads(self._path.read_bytes())
            version, self._kept_terms = kept["version"], dict(kept["terms"])
            self._files, self.rejects_size = dict(kept["files"]), int(kept["rejects"])
        except OSError as error:
            raise CheckpointError(f"{self._path}: {error.strerror}") from error
        if version != VERSION:
            raise CheckpointError(f"{self._path} is a checkpoint of another version")

    def _check(self, sources: Sequence[Source]) -> None:
        is_begun = any(file["ledger"]["delivered"] for file in self._files.values())
        for name, value in self._terms.items():
            if self._kept_terms.get(name) != value and (is_begun or name not in SEEN_BY_THE_SERVER):
                raise CheckpointError(f"{self._path} is of an import with another {name}; {OTHER}")
        if self._files and not any(source.path in self._files for source in sources):
            raise CheckpointError(f"{self._path} is of an import of {next(iter(self._files))}; {OTHER}")

    @staticmethod
    def _claimed(path: str) -> Claim:
        try:
            return Claim(path)
        except ClaimedError as error:
            raise CheckpointError(f"{path} is in use by another import that runs now") from error
        except OSError as error:
            raise CheckpointError(f"{path}: {error.strerror}") from error
