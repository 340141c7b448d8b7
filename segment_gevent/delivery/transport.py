"""The way to the server: what a transport is, and the one that speaks HTTP over gevent's sockets.

requests, urllib3 and ssl are imported with the first send, not with this module. Loaded before the application calls
`gevent.monkey.patch_all()`, they would end its own HTTPS in RecursionError; and they cost 100 ms that no import should.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

import gevent
import gevent.threadpool  # at interpreter exit it can no longer be imported, and DNS and TLS need it
from gevent._hub_local import get_hub_if_exists

from segment_gevent.errors import DeliveryError

if TYPE_CHECKING:
    import requests

    from segment_gevent.delivery.http.connections import Network
    from segment_gevent.delivery.sockets import Sockets
    from segment_gevent.options import Options


class Transport(Protocol):
    """What carries a batch to the server: the seam where tests and other carriers fit in."""

    def send(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        """Deliver one encoded batch and return the answer, whatever its status.

        Raises:
            DeliveryError: no answer came. Any other exception counts as one with the reason `"transport"`.
        """

    def close(self) -> None:
        """Let go of connections. Called from any thread, more than once; a later `send` may open new ones."""


class Session(Protocol):
    """What a transport has in each hub: the connections there."""

    def send(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        """As `Transport.send`, with whatever errors come."""

    def close(self) -> None:
        """Close the connections that idle, and those in use when their send ends. Never waits; a later send reopens."""


class GeventTransport:
    """A transport over gevent's sockets: cooperative, monkey-patched or not.

    Safe to use from any greenlet, hub and native thread: each hub has a session of its own, since a gevent socket
    belongs to the hub that opened it.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._sockets: Sockets | None = None
        self._sessions: WeakKeyDictionary[gevent.hub.Hub, Session] = WeakKeyDictionary()

    def send(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        """Send `body` and return the answer.

        Waits cooperatively. A `gevent.Timeout` or `GreenletExit` thrown in meanwhile passes through, and its connection
        is closed.

        Raises:
            DeliveryError: no whole answer came; its reason is one of those that the class names, its cause the original
                error.
        """
        try:
            return self._session().send(body, headers)
        except Exception as error:
            raise self._delivery_error(error) from error

    def warm_up(self) -> None:
        """Do what the first send of this hub would do before it connects: imports (100 ms of stall), the CA bundle.

        May wait cooperatively.

        Raises:
            DeliveryError: the CA bundle, the URL or the proxy is of no use.
        """
        try:
            self._session()
        except Exception as error:
            raise self._delivery_error(error) from error

    def close(self) -> None:
        """Close the connections that idle; one in use closes when its send ends. Never waits or raises."""
        here = get_hub_if_exists()
        for reference in self._sessions.keyrefs():
            hub = reference()  # never asked for its truth: a greenlet is false unless it runs
            session = None if hub is None else self._sessions.pop(hub, None)
            if hub is None or session is None:
                continue
            if hub is here:
                session.close()
            else:
                # The event loop of another thread is touched by its own thread only. It may be gone: so is the session.
                with suppress(Exception):
                    hub.loop.run_callback_threadsafe(session.close)

    def abandon(self) -> None:
        """In a forked child: close the parent's sockets here, without a word to the servers, and begin anew.

        Fit for an at-fork hook: never waits, switches or raises. Where no hook runs, `send` notices the fork itself.
        """
        self._process = os.getpid()
        if self._sockets is not None:
            self._sockets.abandon()
        self._sessions = WeakKeyDictionary()

    def _session(self) -> Session:
        """This hub's session, made at its first send."""
        if self._process != os.getpid():
            self.abandon()
        hub = gevent.get_hub()
        session = self._sessions.get(hub)
        if session is None:
            self._close_ended_threads()
            # Another greenlet may have been first while this one waited for the CA bundle.
            session = self._sessions.setdefault(hub, self._open())
        return session

    def _close_ended_threads(self) -> None:
        """Close the sessions of hubs that run no more. Their sockets refer to the hub: by itself neither would go."""
        running = sys._current_frames()
        for reference in self._sessions.keyrefs():
            hub = reference()
            if hub is not None and (hub.dead or hub.loop is None or hub.thread_ident not in running):
                session = self._sessions.pop(hub, None)
                if session is not None:
                    session.close()

    def _open(self) -> Session:
        """A session for this hub. It may wait, and raise what is of no use."""
        raise NotImplementedError

    def _delivery_error(self, error: Exception) -> DeliveryError:
        raise NotImplementedError


class HttpTransport(GeventTransport):
    """POSTs batches to one URL over keep-alive connections that wait cooperatively, monkey-patched or not.

    An answer may have any status, and its content is read; a redirect is not followed. Its `request` keeps neither the
    body nor the credentials. The headers that are given are all of the request's but Host and Content-Length: cookies
    and ~/.netrc add nothing to them. Reasons: `"timeout"`, `"connection"`, `"tls"`, `"proxy"`, `"dns"` and
    `"transport"`.

    Args:
        url: where to POST, with its path.
        timeout: seconds for each step of connecting (TCP, proxy, TLS), and seconds between two pieces of the answer. A
            server that trickles can take far longer: who wants a deadline puts a `gevent.Timeout` around `send`.
        proxies: the proxy of a scheme, such as `{"https": "http://user:password@proxy:3128"}`. None takes the
            environment's, `NO_PROXY` honoured, as they are when a hub sends for the first time; an empty mapping none.
        verify: a file or directory of CA certificates; False to verify nothing; True or None for
            `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE` or certifi's.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: tuple[float, float] = (5.0, 15.0),
        proxies: Mapping[str, str] | None = None,
        verify: bool | str | None = None,
    ) -> None:
        super().__init__()
        self._url = url
        self._timeout = timeout
        self._proxies = proxies
        self._verify = verify
        self._network: Network | None = None

    def _open(self) -> Session:
        from segment_gevent.delivery.http.connections import Network
        from segment_gevent.delivery.http.session import HttpSession

        if self._network is None:
            self._sockets = self._network = Network(self._verify)
        return HttpSession(self._url, self._network, timeout=self._timeout, proxies=self._proxies)

    def _delivery_error(self, error: Exception) -> DeliveryError:
        try:
            from segment_gevent.delivery.http.faults import delivery_error
        except Exception:
            # Not even requests can be imported, as its 2.32.3 when the process was patched after urllib3's import.
            return DeliveryError(f"requests cannot be used: {type(error).__name__}", reason="transport")
        return delivery_error(error, self._url)


def http_transport(url: str, options: Options) -> HttpTransport:
    """The transport to one URL that the options describe."""
    return HttpTransport(url, timeout=options.timeout, proxies=options.proxies, verify=options.verify)
