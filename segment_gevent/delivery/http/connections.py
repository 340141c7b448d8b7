"""urllib3 connections made of gevent sockets and gevent TLS, whether or not the process is monkey-patched.

urllib3 opens its connections with `socket` and `ssl`. Unpatched, those stall every greenlet of the hub; patched after
they were imported, urllib3's TLS contexts end in RecursionError. Here both are gevent's own at any time.
"""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl
from contextlib import suppress
from queue import Empty
from typing import Any, NoReturn
from weakref import WeakSet, finalize

import gevent
import gevent.socket
from gevent.queue import LifoQueue
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from segment_gevent.delivery.sockets import ForeignConnectionError, Sockets, connected, native


class NoAnswerError(http.client.RemoteDisconnected):
    """The server closed the connection before the first byte of an answer."""


class StaleConnectionError(NoAnswerError):
    """The same on a kept-alive connection: most likely it was closed while it idled, before the request arrived."""


class _Answer(http.client.HTTPResponse):
    """http.client's answer, that tells a connection closed before the first byte from one closed within the headers."""

    fp: Any = None
    """http.client sets it first of all; Ctrl-C may come even before, and an answer without it can't be closed."""

    def begin(self) -> None:
        try:
            started = self.fp.peek(1)
        except ConnectionError as error:
            raise NoAnswerError(str(error)) from error
        if not started:
            raise NoAnswerError("the server closed the connection without an answer")
        super().begin()


class PlainConnection(HTTPConnection):
    """urllib3's HTTP connection on a gevent socket."""

    sockets: WeakSet[gevent.socket.socket]
    response_class = _Answer
    _process = 0
    _answered = False

    def _new_conn(self) -> Any:
        """Connect, cooperatively, with urllib3's own errors."""
        process = os.getpid()
        try:
            sock = connected((self._dns_host.strip("[]"), self.port), self.timeout, self.source_address)
        except UnicodeError as error:
            raise NewConnectionError(self, "No such name") from socket.gaierror(socket.EAI_NONAME, str(error))
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out") from error
        except OSError as error:
            raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error
        if process != os.getpid():
            # Forked meanwhile. Where the connect had its answer by then, the greenlet wakes up in both processes.
            native(sock).close()
            raise ForeignConnectionError("the connection belongs to the parent process")
        self.sockets.add(sock)
        for option in self.socket_options or ():
            sock.setsockopt(*option)
        self._process = process
        self._answered = False
        return sock

    def send(self, data: Any) -> None:
        """Send, but never on a connection of the parent process, whose request it would cut in two."""
        if self.sock is not None and self._process != os.getpid():
            raise ForeignConnectionError("the connection belongs to the parent process")
        try:
            super().send(data)
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            # After EPIPE urllib3 looks for an answer that came before the close. These three mean the same.
            raise BrokenPipeError(errno.EPIPE, str(error)) from error

    def getresponse(self) -> Any:
        try:
            response = super().getresponse()
        except NoAnswerError as error:
            if self._answered:
                raise StaleConnectionError(str(error)) from error
            raise
        self._answered = True
        return response

    @property
    def isconnected(self) -> bool:
        """Whether the server has neither closed the idle connection nor said anything unasked.

        urllib3 asks `select.poll`, which when patched goes by the hub: it may switch, and on libuv it is often wrong.
        """
        if self.sock is None:
            return False
        try:
            native(self.sock).recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        sock = self.sock
        try:
            super().close()
        except (AttributeError, ValueError):
            # The hub of an ended thread has been destroyed, and gevent closes sockets by way of its event loop.
            if sock is not None:
                native(sock).close()


class TlsConnection(PlainConnection, HTTPSConnection):
    """urllib3's HTTPS connection on a gevent socket; it must be given a `TlsContext`."""


class Network(Sockets):
    """What the sessions of one transport share: its sockets and TLS context, and the pools that open connections."""

    def __init__(self, verify: bool | str | None) -> None:
        super().__init__(verify)
        self.pools = pool_classes(self.sockets)


class _Unused:
    """The queue that urllib3's finalizer drains in place of the pool's own: nothing is ever in it."""

    def __init__(self, maxsize: int) -> None:
        self.maxsize = maxsize

    def put(self, item: object, **_: object) -> None:
        """The places that urllib3 makes."""

    def get(self, **_: object) -> NoReturn:
        raise Empty


class _LeftAtExit(HTTPConnectionPool):
    """A pool that is closed when it is collected, as urllib3's is, and not by the interpreter's exit, as that is too.

    The client closes it before its own exit. Where the client has none, under uWSGI without its gevent loop, a gevent
    queue that is empty is a segmentation fault there (Python 3.13, uWSGI 2.0.31).
    """

    QueueCls = _Unused  # type: ignore[assignment]

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        places: LifoQueue[Any] = LifoQueue(self.pool.maxsize)  # type: ignore[union-attr]
        for _ in range(self.pool.maxsize):  # type: ignore[union-attr]
            places.put_nowait(None)
        self.pool = places  # type: ignore[assignment]
        finalize(self, _close_all, places).atexit = False


def _close_all(places: LifoQueue[Any]) -> None:
    with suppress(Empty):
        while True:
            connection = places.get_nowait()
            if connection is not None:
                connection.close()


def pool_classes(open_sockets: WeakSet[gevent.socket.socket]) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools by URL scheme, with connections that note their sockets in `open_sockets`.

    The pools queue with gevent: patched after its import, `queue` would mix native locks and greenlets
    (gevent issue 1957, urllib3 issue 3061).
    """

    class Plain(PlainConnection):
        sockets = open_sockets

    class Tls(TlsConnection):
        sockets = open_sockets

    class PlainPool(_LeftAtExit, HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(_LeftAtExit, HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}
