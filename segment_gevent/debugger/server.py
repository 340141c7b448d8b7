"""The gevent WSGI server that the local Segment runs on, and the one thing WSGI lacks: ending a connection at will."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import sys
from collections.abc import Callable
from typing import Any

import gevent
from gevent.pywsgi import WSGIHandler, WSGIServer
from gevent.ssl import SSLContext

from segment_gevent.debugger.app import HANG_UP, App

_LINGER = 1.0

_ANYWHERE = {"0.0.0.0": ("192.0.2.1", "127.0.0.1"), "::": ("2001:db8::1", "::1")}  # noqa: S104 - refused without a token
"""An address that a server may listen on, and nobody can open; one far away that is nobody's; and the loopback's."""


class Handler(WSGIHandler):
    """pywsgi's handler, with `environ[HANG_UP]`."""

    def __init__(self, sock: Any, address: Any, server: Any) -> None:
        # pywsgi sends headers and body apart: Nagle's algorithm held each body back for 40 ms, measured.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(sock, address, server)

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ[HANG_UP] = self.hang_up
        return environ

    def hang_up(self, *, linger: bool = False) -> None:
        """End the connection. With `linger` what was written before is left to arrive first.

        Closing while unread bytes wait makes the system send a reset, which may overtake the answer: so lingering
        sends the end, then reads on for at most a second until the client has ended too.
        """
        with contextlib.suppress(OSError):
            if linger:
                self.socket.shutdown(socket.SHUT_WR)
                with gevent.Timeout(_LINGER, False):  # type: ignore[arg-type]  # False: end the block, raise nothing
                    while self.rfile.read1(65536):
                        pass
            self.socket.shutdown(socket.SHUT_RDWR)


class Server(WSGIServer):
    """A pywsgi server for one `App`: quiet about requests, and about clients that give up a TLS handshake."""

    def __init__(
        self, app: App, host: str = "127.0.0.1", port: int = 0, certfile: str | None = None, keyfile: str | None = None
    ) -> None:
        tls: dict[str, Any] = {}
        if certfile is not None:
            context = SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certfile, keyfile)
            tls["ssl_context"] = context
        # SERVER_NAME given, or pywsgi looks it up in DNS. A backlog for hundreds of clients that start at once.
        super().__init__(
            (host, port),
            app,
            backlog=1024,
            log=None,
            error_log=sys.stderr,
            handler_class=Handler,
            environ={"SERVER_NAME": host},
            **tls,
        )

    @property
    def url(self) -> str:
        """The address that clients use, once the server has started; no slash at its end."""
        scheme = "https" if self.ssl_enabled else "http"
        host, port = self.socket.getsockname()[:2]
        host = _own_address(host) if host in _ANYWHERE else host
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> Any:
        """As gevent does; a failed handshake is the client's affair, and no traceback of ours."""
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            return super().wrap_socket_and_handle(client_socket, address)
        client_socket.close()
        return None


def _own_address(listens_on: str) -> str:
    """This machine's address in the network where its default route goes, or the loopback's; nothing is sent."""
    there, loopback = _ANYWHERE[listens_on]
    family = socket.AF_INET6 if ":" in there else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((there, 9))
        return str(probe.getsockname()[0])
    return loopback


def stop_at_end_of(stream: int, stop: Callable[[], object]) -> None:
    """Call `stop` when the file descriptor `stream` ends, as a pipe does with the process that holds its other end."""
    hub = gevent.get_hub()
    watcher = hub.loop.io(stream, 1)

    def readable() -> None:
        if not os.read(stream, 4096):
            watcher.stop()
            stop()

    watcher.start(readable)
