"""A file, or standard input, as lines of bytes: read and decompressed in native threads."""

from __future__ import annotations

import gzip
import io
import os
import select
import stat
import sys
from collections.abc import Callable, Generator
from typing import IO, Any, NamedTuple

STANDARD_INPUT = "-"
BLOCK = 256 * 1024
"""Bytes that are read at a time."""

LINE_LIMIT = 1 << 20
"""Bytes of a line that are kept: no message is as long, and a file without line ends must not fill the memory."""

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
UNREADABLE = {
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"BZh": "compressed with bzip2: decompress it first",
    b"\xfd7zXZ\x00": "compressed with xz: decompress it first",
    b"\xff\xfe": "in UTF-16: convert it to UTF-8 first",
    b"\xfe\xff": "in UTF-16: convert it to UTF-8 first",
}
LONGEST_BEGINNING = 6
"""Bytes of the longest of these."""


class SourceError(Exception):
    """A file can't be read; the text names it."""


class State(NamedTuple):
    """What tells that a file has not changed since, without reading it."""

    size: int
    mtime_ns: int


class Source:
    """One file to import.

    Args:
        delimiter: between its cells, if it is CSV.

    Attributes:
        name: as it was given, for people.
        path: absolute, the file's name in the checkpoint; "-" for standard input.
        state: None where what can be read there once can't be read again.
        size: bytes on disk, 0 where nobody knows.

    Raises:
        SourceError: it is not there, or a directory.
    """

    def __init__(self, name: str, delimiter: str = "") -> None:
        self.name = name
        self.delimiter = delimiter
        self._is_input = name == STANDARD_INPUT
        self.path = name if self._is_input else os.path.realpath(name)
        self.state = self._look()
        self.size = self.state.size if self.state else 0
        self._counted = Counted()

    @property
    def read(self) -> int:
        """Bytes read so far, as they are on disk."""
        return self._counted.count

    def lines(self, wait: Callable[[Callable[[], Any]], Any]) -> Generator[bytes, None, None]:
        """Every line without its end; of one of over `LINE_LIMIT` bytes these, and one more.

        Args:
            wait: runs a function that blocks, and returns what it returns; what it raises of its own goes through.

        Raises:
            SourceError: the file can't be read, or is damaged.
        """
        try:
            stream = wait(self._open)
            with stream:
                rest = b""
                while block := wait(lambda: stream.read1(BLOCK)):
                    *whole, rest = (rest + block).split(b"\n")
                    if whole:
                        yield whole.pop(0)[: LINE_LIMIT + 1]  # no other is longer than a block
                    yield from whole
                    rest = rest[: LINE_LIMIT + 1]
                if rest:
                    yield rest
        except (OSError, EOFError, ValueError, RuntimeError) as error:
            raise SourceError(f"{self.name}: {getattr(error, 'strerror', None) or error}") from error
        except Exception as error:
            if type(error).__name__ not in {"ZstdError", "error"}:  # zlib's is the latter
                raise
            raise SourceError(f"{self.name}: {error}") from error

    def stop(self) -> None:
        """Have a read that waits for more end, as if there were no more: standard input may say nothing for ever."""
        self._counted.stop()

    def _look(self) -> State | None:
        try:
            found = os.fstat(sys.stdin.fileno()) if self._is_input else os.stat(self.name)
        except (OSError, ValueError, AttributeError) as error:  # sys.stdin is None where it was closed
            raise SourceError(f"{self.name}: {getattr(error, 'strerror', None) or 'it is closed'}") from error
        if stat.S_ISDIR(found.st_mode):
            raise SourceError(f"{self.name} is a directory")
        return State(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None

    def _open(self) -> IO[bytes]:
        raw = io.FileIO(sys.stdin.fileno(), closefd=False) if self._is_input else io.FileIO(self.name)
        self._counted.open(raw)
        begin = self._counted.peek(LONGEST_BEGINNING)
        for magic, what in UNREADABLE.items():
            if begin.startswith(magic):
                raise SourceError(f"{self.name} is {what}")
        buffered = io.BufferedReader(self._counted, BLOCK)
        if begin.startswith(GZIP):  # not the name's end: what a download inflated keeps its name
            return gzip.GzipFile(fileobj=buffered)  # type: ignore[return-value]
        return _zstd(buffered) if begin.startswith(ZSTD) else buffered


class Counted(io.RawIOBase):
    """A raw file that counts what is read from it."""

    def __init__(self) -> None:
        self.raw: io.FileIO | None = None
        self.count = 0
        self._kept = b""
        self._pipe: tuple[int, int] | None = None
        self._is_stopped = False

    def open(self, raw: io.FileIO) -> None:
        """Read from `raw`."""
        self._pipe = os.pipe()
        self.raw = raw

    def peek(self, size: int) -> bytes:
        """The first bytes, fewer if there are no more; they will be read all the same."""
        buffer = bytearray(size)
        while len(self._kept) < size and (more := self._read_raw(memoryview(buffer)[len(self._kept) :])):
            self._kept += buffer[len(self._kept) : len(self._kept) + more]
        return self._kept

    def stop(self) -> None:
        """End a read that waits, in whatever thread, and every later one."""
        self._is_stopped = True
        if self._pipe is not None:
            os.write(self._pipe[1], b".")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._kept:
            return self._read_raw(buffer)
        begin, self._kept = self._kept[: len(buffer)], self._kept[len(buffer) :]
        buffer[: len(begin)] = begin
        return len(begin)

    def _read_raw(self, buffer: Any) -> int:
        assert self.raw is not None
        assert self._pipe is not None
        if self._is_stopped or self._pipe[0] in select.select([self.raw.fileno(), self._pipe[0]], [], [])[0]:
            return 0
        size = self.raw.readinto(buffer) or 0
        self.count += size
        return size

    def close(self) -> None:
        if self.raw is not None and self._pipe is not None and not self.closed:
            self.raw.close()
            for end in self._pipe:
                os.close(end)
        super().close()


def _zstd(buffered: IO[bytes]) -> IO[bytes]:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise RuntimeError("zstd can't be read: pip install 'segment-gevent[cli]'") from error
    return zstd.ZstdFile(buffered)  # type: ignore[return-value]
