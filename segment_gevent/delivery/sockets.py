"""gevent sockets for a transport, plain or with gevent's TLS: how they are opened, and left behind in a forked child.

Imports ssl, and so is imported with the first send.
"""

from __future__ import annotations

import os
import ssl
import sys
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import gevent
import gevent.socket
import gevent.ssl
from gevent.resolver.blocking import Resolver

from segment_gevent.delivery.lifecycle import no_fork


class ForeignConnectionError(ConnectionError):
    """The connection was opened by the process that this one was forked from, which still uses it."""


def native(sock: Any) -> Any:
    """The non-blocking socket of the operating system within a gevent socket, or within urllib3's for TLS in TLS."""
    return getattr(sock, "socket", sock)._sock


def connected(address: tuple[str, int], timeout: Any, source: tuple[str, int] | None) -> Any:
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
            ssl.SSLError: there are none.
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
            # An error's text is the innermost one's, and that one does not name the file.
            raise ssl.SSLError(failure.errno, f"no CA certificates in {bundle}: {failure}") from None


def _default_bundle() -> str:
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH


class Sockets:
    """What the connections of one transport share: the open sockets, which a fork leaves, and the TLS context."""

    def __init__(self, verify: bool | str | None, certificate: tuple[str, str] | None = None) -> None:
        self.sockets: WeakSet[gevent.socket.socket] = WeakSet()
        self._verify = verify
        self._certificate = certificate  # a client's own: the file, and that of its key, which may be ""
        self._context: TlsContext | None = None

    def tls_context(self) -> TlsContext:
        """The one context; the first call waits for it, cooperatively."""
        if self._context is None:
            context = TlsContext.make(self._verify, self.sockets)
            if self._certificate is not None:
                file, key = self._certificate
                context.load_cert_chain(file, key or None)
            self._context = context
        return self._context

    def abandon(self) -> None:
        """Close the sockets inherited from a parent process, which goes on using its own ends of them.

        `close` of a gevent socket would go through the event loop, and a TLS shutdown would end the parent's session.
        """
        for sock in list(self.sockets):
            with suppress(Exception):
                native(sock).close()
                if isinstance(sock, TlsSocket):
                    sock._sslobj = None  # type: ignore[attr-defined]  # OpenSSL goes by the number of the file descriptor, which is soon another's
        self.sockets.clear()
