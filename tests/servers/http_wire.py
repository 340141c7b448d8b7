"""A server that speaks HTTP byte by byte as a test tells it to: late, cut short, reset, as garbage, over TLS.

It lives in the test's own hub, so that a test can see at once what it got.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import gevent.pool
import gevent.server
import gevent.ssl
import trustme
from gevent.event import Event

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n" + b'{"success": true}'


class Request(NamedTuple):
    line: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    connection: int  # the how-many-eth connection it came on, from 1


class Peer:
    """One connection, seen from the server."""

    def __init__(self, sock: Any, number: int, requests: list[Request]) -> None:
        self.sock = sock
        self.number = number
        self._requests = requests
        self._buffer = b""

    def request(self) -> Request | None:
        """Read the next request and note it; None when the client is gone."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._read():
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        length = int(headers.get("content-length", 0))
        while len(self._buffer) < length:
            if not self._read():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        request = Request(line, headers, body, self.number)
        self._requests.append(request)
        return request

    def answer(self, content: bytes = b"{}", *, status: str = "200 OK", **headers: str) -> None:
        fields = {"Content-Length": str(len(content)), **{n.replace("_", "-"): v for n, v in headers.items()}}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.sock.sendall(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + content)

    def reset(self) -> None:
        """Close with RST, so that the client's next read or write fails."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait_closed(self) -> None:
        """Wait until the client has closed its end."""
        while self._read():
            self._buffer = b""

    def _read(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except OSError:
            return False
        self._buffer += data
        return bool(data)


Script = Callable[[Peer], object]


def keep_answering(peer: Peer) -> None:
    """The plain good server: 200 to each request, the connection kept alive."""
    while peer.request():
        peer.sock.sendall(OK)


class WireServer(gevent.server.StreamServer):  # type: ignore[misc]
    """Runs `script` for each connection. A context manager; `url` ends in /v1/batch."""

    def __init__(self, script: Script = keep_answering, *, host: str = "127.0.0.1", tls: Any = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.ended = Event()  # set whenever the script of a connection has ended
        self._script = script
        self._scheme = "https" if tls else "http"
        self._host = host
        # A pool's greenlets end with the server: one that still reads would have `gevent.wait()` wait in later tests.
        super().__init__((host, 0), spawn=gevent.pool.Pool(), **({"ssl_context": tls} if tls else {}))

    @property
    def url(self) -> str:
        return self.url_for(f"[{self._host}]" if ":" in self._host else self._host)

    def url_for(self, name: str) -> str:
        return f"{self._scheme}://{name}:{self.server_port}/v1/batch"

    def handle(self, sock: Any, address: Any) -> None:
        self.connections += 1
        try:
            self._script(Peer(sock, self.connections, self.requests))
        finally:
            self.ended.set()

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> Any:
        try:
            return super().wrap_socket_and_handle(client_socket, address)
        except OSError:  # a client that does not like the certificate; gevent would print it
            return None

    def __enter__(self) -> WireServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(timeout=0)


def server_context(authority: trustme.CA, *names: str) -> Any:
    """A server's TLS context, with a certificate for `names` (127.0.0.1 and localhost by default)."""
    context = gevent.ssl.SSLContext(gevent.ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(context)
    return context
