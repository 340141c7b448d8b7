"""Who listens to the local Segment's stream, as the page does.

with listening(server) as listener: listener.frame()   # ("change", {"last": 0, …})
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import gevent.socket
import orjson
from servers.local_segment import LocalSegment


class Listener:
    """One connection to `/_/stream`; iterating waits for frames."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def head(self) -> list[bytes]:
        """The status line and the headers."""
        lines = iter(self._file.readline, b"\r\n")
        return [line.strip().lower() for line in lines]

    def frame(self) -> tuple[str, dict[str, Any]]:
        """The next frame's name and data."""
        lines: list[bytes] = []
        with gevent.Timeout(30):
            while not lines or not lines[-1].startswith(b"data: "):
                lines.append(self._file.readline())
        named = next(line for line in lines if line.startswith(b"event: "))
        return named[7:].strip().decode(), orjson.loads(lines[-1][6:])

    def until(self, last: int) -> list[dict[str, Any]]:
        """The frames until the one that knows the event `last`."""
        frames = [self.frame()[1]]
        while frames[-1]["last"] < last:
            frames.append(self.frame()[1])
        return frames


@contextmanager
def listening(server: LocalSegment, query: str = "") -> Iterator[Listener]:
    with gevent.socket.create_connection(("127.0.0.1", server.port), 30) as raw, raw.makefile("rb") as file:
        raw.sendall(f"GET /_/stream{query} HTTP/1.0\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        yield Listener(file)
