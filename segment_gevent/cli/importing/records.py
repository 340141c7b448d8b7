"""Lines as records: a JSON object each, or rows of CSV under their header. Pure but for the lines that it is given."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from segment_gevent.cli.importing.fields import ShapeError
from segment_gevent.cli.importing.sources import LINE_LIMIT

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
TOO_LONG = f"has over {LINE_LIMIT:,} bytes"


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
        self._numbered = self._number(lines)
        self._done = done
        self._expected = checksum

    def __iter__(self) -> Iterator[bytes]:
        return self._numbered

    def skip(self) -> None:
        """Leave out what has its fate.

        Raises:
            ChangedError: it is not what it was.
        """
        while self.line < self._done and next(self._numbered, None) is not None:
            pass
        if self._done and (self.line, self.checksum) != (self._done, self._expected):
            raise ChangedError

    def _number(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        for line in lines:
            self.line += 1
            self.checksum = zlib.crc32(b"\n", zlib.crc32(line, self.checksum))
            yield line if self.line > 1 else line.removeprefix(BYTE_ORDER_MARK)


def json_records(lines: Numbered) -> Iterator[Record]:
    """A record a line; empty lines are none."""
    lines.skip()
    for raw in lines:
        if raw and not raw.isspace():
            values, problem = _json_object(raw)
            yield Record(lines.line, lines.line, lines.checksum, raw, values, problem)


def _json_object(raw: bytes) -> tuple[dict[str, Any] | None, str]:
    """What a line says; or None, and why."""
    if len(raw) > LINE_LIMIT:
        return None, f"the line {TOO_LONG}"
    try:
        values = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return None, f"not JSON: {error}"
    if not isinstance(values, dict):
        return None, f"a line must be a JSON object, not {type(values).__name__}"
    return values, ""


class CsvRecords:
    """Rows under a header; a row may have line ends within quotes. An empty cell is as if it were not there.

    Attributes:
        header: the names of the columns.

    Raises:
        ShapeError: the header can't be read.
    """

    def __init__(self, lines: Numbered, delimiter: str) -> None:
        self._lines = lines
        self._taken: list[bytes] = []
        self._size = 0
        self._begin = 0
        # A map, since a generator would end with the first row that is too long.
        self._rows = csv.reader(map(self._text, lines), delimiter=delimiter, strict=True)
        self.header = self._read_header()

    def __iter__(self) -> Iterator[Record]:
        self._lines.skip()
        while True:
            self._taken.clear()
            try:
                row, problem = next(self._rows), ""
            except StopIteration:
                return
            except csv.Error as error:
                row, problem = [], _not_csv(error)
            if row or problem:
                yield self._record(row, problem)

    def _read_header(self) -> list[str]:
        try:
            return next((row for row in self._rows if row), [])
        except csv.Error as error:
            raise ShapeError(f"the header can't be read: {_not_csv(error)}") from error

    def _text(self, line: bytes) -> str:
        if not self._taken:
            self._begin = self._lines.line
            self._size = 0
        self._size += len(line)
        self._taken.append(line)
        if self._size > LINE_LIMIT:
            raise csv.Error(f"the row {TOO_LONG}")
        return line.decode("utf-8", "surrogateescape") + "\n"

    def _record(self, row: list[str], problem: str) -> Record:
        where = (self._begin, self._lines.line, self._lines.checksum, b"\n".join(self._taken))
        if not problem and len(row) != len(self.header):
            problem = f"{len(row)} cells under a header of {len(self.header)}"
        if not problem and not _is_utf8(where[-1]):
            problem = "not UTF-8"
        values = None if problem else {name: cell for name, cell in zip(self.header, row, strict=True) if cell}
        return Record(*where, values, problem)


def _not_csv(error: csv.Error) -> str:
    return str(error) if TOO_LONG in str(error) else f"not CSV: {error}"


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
