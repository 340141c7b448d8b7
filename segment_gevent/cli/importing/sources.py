"""A file, or standard input, as lines of bytes: read and decompressed in native threads."""

from __future__ import annotations

import gzip
import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

STANDARD_INPUT = "-"
BLOCK = 256 * 1024
"""Bytes that are read at a time."""

LINE_LIMIT = 1 << 20
"""Bytes of a line that are kept: no message is as long, and a file without line ends must not fill the memory."""

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"


class SourceError(Exception):
    """A file can't be read; the text names it."""


class State(NamedTuple):
    """What tells that a file has not changed since, without reading it."""

    size: int
    mtime_ns: int


class Source:
    """One file to import.

    Attributes:
        name: as it was given, for people.
        path: absolute, the file's name in the checkpoint; "-" for standard input.
        size: bytes on disk, 0 where nobody knows.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = name if name == STANDARD_INPUT else str(Path(name).resolve())
        self.state = self._look()
        self.size = self.state.size if self.state else 0
        self._counted = Counted()

    @property
    def read(self) -> int:
        """Bytes read so far, as they are on disk."""
        return self._counted.count

    def lines(self, wait: Callable[[Callable[[], Any]], Any]) -> Iterator[bytes]:
        """Every line without its end, one of over `LINE_LIMIT` bytes cut a byte later.

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
                    yield from whole
                    rest = rest[: LINE_LIMIT + 1]
                if rest:
                    yield rest
        except (OSError, EOFError, ValueError, RuntimeError) as error:
            raise SourceError(f"{self.name}: {getattr(error, 'strerror', None) or error}") from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in {"zstandard", "zlib"}:
                raise
            raise SourceError(f"{self.name}: {error}") from error

    def stop(self) -> None:
        """Have a read that waits for more end, as if there were no more: standard input may say nothing for ever."""
        self._counted.stop()

    def _look(self) -> State | None:
        if self.path == STANDARD_INPUT:
            return None
        try:
            found = os.stat(self.path)
        except OSError as error:
            raise SourceError(f"{self.name}: {error.strerror}") from error
        return State(found.st_size, found.st_mtime_ns)

    def _open(self) -> IO[bytes]:
        is_input = self.path == STANDARD_INPUT
        raw = io.FileIO(sys.stdin.fileno(), closefd=False) if is_input else io.FileIO(self.path)
        self._counted.open(raw)
        buffered = io.BufferedReader(self._counted, BLOCK)
        begin = buffered.peek(4)[:4]  # not the name's end: what a download inflated keeps its name
        if begin[:2] == GZIP:
            return gzip.GzipFile(fileobj=buffered)  # type: ignore[return-value]
        if begin == ZSTD:
            return _zstd(buffered)
        return buffered


class Counted(io.RawIOBase):
    """A raw file that counts what is read from it."""

    def __init__(self) -> None:
        self.raw: io.FileIO | None = None
        self.count = 0
        self._pipe: tuple[int, int] | None = None
        self._is_stopped = False

    def open(self, raw: io.FileIO) -> None:
        """Read from `raw`."""
        self._pipe = os.pipe()
        self.raw = raw

    def stop(self) -> None:
        """End a read that waits, in whatever thread, and every later one."""
        self._is_stopped = True
        if self._pipe is not None:
            os.write(self._pipe[1], b".")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
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
        import zstandard
    except ImportError as error:
        raise RuntimeError("zstandard is not installed: pip install 'segment-gevent[cli]'") from error
    reader: IO[bytes] = zstandard.ZstdDecompressor().stream_reader(buffered, read_across_frames=True)
    return reader
