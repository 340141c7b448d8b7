"""The plan: what is to be imported, and how."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from segment_gevent import Options
from segment_gevent.cli.importing.records import CsvRecords, Numbered
from segment_gevent.cli.importing.shape import Shape
from segment_gevent.cli.importing.sources import STANDARD_INPUT, Source


@dataclass(frozen=True)
class Plan:
    """One import's."""

    sources: Sequence[Source]
    shape: Shape
    options: Options
    rate: float = 0.0
    """Messages a second at most; 0 is no limit."""
    is_dry: bool = False
    checkpoint: str = ""
    rejects: str = ""
    """Paths, "" for none."""

    def terms(self) -> dict[str, str]:
        """What a checkpoint holds for: with other terms it would leave out what the other import did not send."""
        key = hashlib.blake2b(self.options.api_key.encode(), digest_size=8).hexdigest()
        return {
            "host": self.options.host,
            "write key": key,
            "--map or --set": self.shape.fingerprint,
            "--rejects": os.path.realpath(self.rejects) if self.rejects else "",
        }

    def check_headers(self) -> None:
        """Before anything is sent, whether each column of each file of CSV means something.

        Standard input and pipes can be read but once: theirs are checked when it is their turn.

        Raises:
            ShapeError: one does not.
            SourceError: a file can't be read.
        """
        for source in self.sources:
            if source.delimiter and source.state is not None and source.path != STANDARD_INPUT:
                lines = Source(source.name).lines(lambda function: function())
                self.shape.check_columns(CsvRecords(Numbered(lines), source.delimiter).header)
                lines.close()
