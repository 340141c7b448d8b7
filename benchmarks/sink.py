"""The sink: a process that answers every POST and counts the events in it; `silent`, it reads and never answers.

`python -m benchmarks.sink [silent]` prints its port, serves until its standard input ends, then prints its counts as
JSON. It knows neither gevent nor any library, and looks into a body only to count `event.MARK`.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
from dataclasses import asdict, dataclass

from benchmarks.event import MARK
from benchmarks.http_wire import Request, take_request

_MARK = MARK.encode()
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_TAKEN = b'{"success":true,"status":1}'
_HONEYCOMB = b"/1/batch/"


@dataclass
class Counts:
    """What arrived."""

    requests: int = 0
    events: int = 0
    size: int = 0
    """Bytes on the wire, heads included."""


def answer(request: Request, events: int) -> bytes:
    """What the library's own server would say; Honeycomb's says it for each event."""
    body = b"[%b]" % b",".join([b'{"status":202}'] * events) if request.path.startswith(_HONEYCOMB) else _TAKEN
    return _HEAD % (len(body), body)


class Sink:
    """Serves one listener, with all connections in one thread."""

    def __init__(self, listener: socket.socket, *, silent: bool) -> None:
        self.counts = Counts()
        self._silent = silent
        self._listener = listener
        self._streams: dict[socket.socket, bytearray] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(sys.stdin, selectors.EVENT_READ)

    def serve(self) -> None:
        """Until standard input ends."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is sys.stdin:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._read(key.fileobj)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._streams[connection] = bytearray()
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        stream = self._streams[connection]
        try:
            data = connection.recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(connection)
            del self._streams[connection]
            connection.close()
            return
        if self._silent:
            return
        stream += data
        while request := take_request(stream):
            events = request.body.count(_MARK)
            self.counts.requests += 1
            self.counts.events += events
            self.counts.size += request.size
            connection.sendall(answer(request, events))


def main() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(listener.getsockname()[1], flush=True)
        sink = Sink(listener, silent="silent" in sys.argv[1:])
        sink.serve()
        print(json.dumps(asdict(sink.counts)))


if __name__ == "__main__":
    main()
