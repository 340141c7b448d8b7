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
import sys
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import gevent
import gevent.socket
import gevent.ssl
from gevent.queue import LifoQueue
from gevent.resolver.blocking import Resolver
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError

from segment_gevent.delivery.lifecycle import no_fork


class NoAnswerError(http.client.RemoteDisconnected):
    """The server closed the connection before the first byte of an answer."""


class StaleConnectionError(NoAnswerError):
    """The same on a kept-alive connection: most likely it was closed while it idled, before the request arrived."""


class ForeignConnectionError(ConnectionError):
    """The connection was opened by the process that this one was forked from, which still uses it."""


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
            sock = _connected((self._dns_host.strip("[]"), self.port), self.timeout, self.source_address)
        except UnicodeError as error:
            raise NewConnectionError(self, "No such name") from socket.gaierror(socket.EAI_NONAME, str(error))
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out") from error
        except OSError as error:
            raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error
        if process != os.getpid():
            # Forked meanwhile. Where the connect had its answer by then, the greenlet wakes up in both processes.
            _native(sock).close()
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
    def is_connected(self) -> bool:
        """Whether the server has neither closed the idle connection nor said anything unasked.

        urllib3 asks `select.poll`, which when patched goes by the hub: it may switch, and on libuv it is often wrong.
        """
        if self.sock is None:
            return False
        try:
            _native(self.sock).recv(1, socket.MSG_PEEK)
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
                _native(sock).close()


def _native(sock: Any) -> Any:
    """The non-blocking socket of the operating system within a gevent socket, or within urllib3's for TLS in TLS."""
    return getattr(sock, "socket", sock)._sock


def _connected(address: tuple[str, int], timeout: Any, source: tuple[str, int] | None) -> Any:
    """A socket connected to `address`; the name is looked up off the hub, as long as native threads can be started."""
    try:
        return gevent.socket.create_connection(address, timeout, source)
    except RuntimeError as error:
        # Within atexit Python 3.12 starts none. Nobody is left there to be stalled by a look-up in the hub.
        if "shutdown" not in str(error):
            raise
        hub = gevent.get_hub()
        hub.resolver = Resolver(hub)  # type: ignore[assignment]  # it is one by its methods
        return gevent.socket.create_connection(address, timeout, source)


class TlsConnection(PlainConnection, HTTPSConnection):
    """urllib3's HTTPS connection on a gevent socket; it must be given a `TlsContext`."""


class TlsSocket(gevent.ssl.SSLSocket):
    """gevent's TLS socket, known to its network from before the handshake: a fork in its midst must find it."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: ARG002 - gevent's takes none, ssl's does
        context = self.context
        assert isinstance(context, TlsContext)
        context.sockets.add(self)
        try:
            super().do_handshake()
        except BaseException:
            self.close()  # gevent closes it after an OSError only, not when a gevent.Timeout ends the handshake
            raise


class TlsContext(gevent.ssl.SSLContext):
    """A client's TLS settings: 1.2 or later, and the server's name and certificate verified unless told otherwise."""

    sslsocket_class = TlsSocket
    sockets: WeakSet[gevent.socket.socket]

    @classmethod
    def make(cls, verify: bool | str | None, sockets: WeakSet[gevent.socket.socket]) -> TlsContext:
        """Waits, cooperatively, for the CA certificates to be read."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.sockets = sockets
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.hostname_checks_common_name = False
        if verify is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        if sys.version_info >= (3, 13):  # what ssl.create_default_context does from there on
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
        context.trust(verify if isinstance(verify, str) else _default_bundle())
        return context

    def trust(self, bundle: str) -> None:
        """Trust the CA certificates in a file or directory.

        Raises:
            urllib3.exceptions.SSLError: there are none.
        """

        def load() -> OSError | None:
            try:
                with no_fork():
                    if os.path.isdir(bundle):
                        self.load_verify_locations(capath=bundle)
                    else:
                        self.load_verify_locations(cafile=bundle)
            except OSError as error:
                return error  # raised in the threadpool, it would be printed to stderr
            return None

        try:
            # Parsing certifi's bundle takes 20 to 38 ms; the GIL is released meanwhile, so that no greenlet is stalled.
            failure = gevent.get_hub().threadpool.apply(load)
        except RuntimeError:  # an interpreter that is going down starts no native thread
            failure = load()
        if failure is not None:
            raise SSLError(f"no CA certificates in {bundle}: {failure}") from failure


def _default_bundle() -> str:
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH


class Network:
    """What the sessions of one transport share: the open sockets, the pools that open them and the TLS context."""

    def __init__(self, verify: bool | str | None) -> None:
        self.sockets: WeakSet[gevent.socket.socket] = WeakSet()
        self.pools = pool_classes(self.sockets)
        self._verify = verify
        self._context: TlsContext | None = None

    def tls_context(self) -> TlsContext:
        """The one context; the first call waits for it, cooperatively."""
        if self._context is None:
            self._context = TlsContext.make(self._verify, self.sockets)
        return self._context

    def abandon(self) -> None:
        """Close the sockets inherited from a parent process, which goes on using its own ends of them.

        `close` of a gevent socket would go through the event loop, and a TLS shutdown would end the parent's session.
        """
        for sock in list(self.sockets):
            with suppress(Exception):
                _native(sock).close()
                if isinstance(sock, TlsSocket):
                    sock._sslobj = None  # type: ignore[attr-defined]  # OpenSSL goes by the number of the file descriptor, which is soon another's
        self.sockets.clear()


def pool_classes(open_sockets: WeakSet[gevent.socket.socket]) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools by URL scheme, with connections that note their sockets in `open_sockets`.

    The pools queue with gevent: patched after its import, `queue` would mix native locks and greenlets
    (gevent issue 1957, urllib3 issue 3061).
    """

    class Plain(PlainConnection):
        sockets = open_sockets

    class Tls(TlsConnection):
        sockets = open_sockets

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain
        QueueCls = LifoQueue  # type: ignore[assignment]

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls
        QueueCls = LifoQueue  # type: ignore[assignment]

    return {"http": PlainPool, "https": TlsPool}
