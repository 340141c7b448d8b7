"""Lines as records: a JSON object each, or rows of CSV under their header. Pure but for the lines that it is given."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from segment_gevent.cli.importing.sources import LINE_LIMIT

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Record(NamedTuple):
    """One line, or the lines of one row of CSV.

    Attributes:
        line: its number, from 1, as an editor shows it.
        last: the number of its last line.
        checksum: of all lines to the last.
        raw: the text as it stands in the file.
        values: what it says; None where that can't be read.
        problem: why not.
    """

    line: int
    last: int
    checksum: int
    raw: bytes
    values: dict[str, Any] | None
    problem: str = ""


class ChangedError(Exception):
    """The lines that were sent are not the ones that stand there now."""


class Numbered:
    """Lines with their numbers, and a checksum of all that were read.

    Args:
        done, checksum: so many lines at the start have their fate, and this was their checksum: `skip` them.
    """

    def __init__(self, lines: Iterator[bytes], *, done: int = 0, checksum: int = 0) -> None:
        self.line = 0
        self.checksum = 0
        self._lines = lines
        self._done = done
        self._expected = checksum

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = next(self._lines)
        self.line += 1
        self.checksum = zlib.crc32(b"\n", zlib.crc32(line, self.checksum))
        return line.removeprefix(BYTE_ORDER_MARK) if self.line == 1 else line

    def skip(self) -> None:
        """Leave out what has its fate.

        Raises:
            ChangedError: it is not what it was.
        """
        while self.line < self._done and next(self, None) is not None:
            pass
        if self._done and (self.line, self.checksum) != (self._done, self._expected):
            raise ChangedError


def json_records(lines: Numbered) -> Iterator[Record]:
    """A record a line; empty lines are none."""
    lines.skip()
    for raw in lines:
        if raw and not raw.isspace():
            yield _json_record(lines, raw)


def _json_record(lines: Numbered, raw: bytes) -> Record:
    where = (lines.line, lines.line, lines.checksum, raw)
    if len(raw) > LINE_LIMIT:
        return Record(*where, None, f"the line has over {LINE_LIMIT:,} bytes")
    try:
        values = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return Record(*where, None, f"not JSON: {error}")
    if not isinstance(values, dict):
        return Record(*where, None, f"a line must be a JSON object, not {type(values).__name__}")
    return Record(*where, values)


class CsvRecords:
    """Rows under a header; a row may have line ends within quotes. An empty cell is as if it were not there.

    Attributes:
        header: the names of the columns.
    """

    def __init__(self, lines: Numbered, delimiter: str) -> None:
        self._lines = lines
        self._taken: list[bytes] = []
        self._begin = 0
        self._rows = csv.reader(self._texts(), delimiter=delimiter, strict=True)
        self.header = next(self._rows, [])
        self._taken.clear()

    def __iter__(self) -> Iterator[Record]:
        self._lines.skip()
        while True:
            self._taken.clear()
            try:
                row, problem = next(self._rows), ""
            except StopIteration:
                return
            except csv.Error as error:
                row, problem = [], f"not CSV: {error}"
            if row or problem:
                yield self._record(row, problem)

    def _texts(self) -> Iterator[str]:
        for line in self._lines:
            if not self._taken:
                self._begin = self._lines.line
            self._taken.append(line)
            yield line.decode("utf-8", "surrogateescape") + "\n"

    def _record(self, row: list[str], problem: str) -> Record:
        where = (self._begin, self._lines.line, self._lines.checksum, b"\n".join(self._taken))
        if not problem and len(row) != len(self.header):
            problem = f"{len(row)} cells under a header of {len(self.header)}"
        if not problem and not _is_utf8(where[-1]):
            problem = "not UTF-8"
        values = None if problem else {name: cell for name, cell in zip(self.header, row, strict=True) if cell}
        return Record(*where, values, problem)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
