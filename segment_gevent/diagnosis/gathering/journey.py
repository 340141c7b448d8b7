"""The way to a server, step by step, over the same sockets, TLS and proxies as delivery's; imports requests.

The steps are made one by one, to be timed and named. The last is a whole request as delivery makes them, with a batch
that holds no message: no event is made by it, and a server that knows its keys says what it makes of this one.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import gevent
import gevent.socket

from segment_gevent.delivery.authorization import Basic
from segment_gevent.delivery.http.connections import Network
from segment_gevent.delivery.http.faults import chain, delivery_error
from segment_gevent.delivery.http.session import GeventAdapter, proxy_for
from segment_gevent.delivery.sockets import TlsContext
from segment_gevent.diagnosis.facts import Journey, Proxies
from segment_gevent.diagnosis.gathering.ways import masked_url
from segment_gevent.errors import DeliveryError
from segment_gevent.options import Options
from segment_gevent.version import __version__

EMPTY_BATCH = b'{"batch":[]}'

_PORTS = {"http": 80, "https": 443}
_DAY = 86_400.0


def choice(facts: Proxies, options: Options) -> Proxies:
    """The same, and which proxy is on the way to the host."""
    try:
        chosen = proxy_for(options.host, options.proxies)
    except Exception as error:  # of requests, of urllib3, by what a variable holds
        return replace(facts, is_known=True, problem=masked_url(str(error)) or type(error).__name__)
    return replace(facts, is_known=True, chosen=None if chosen is None else masked_url(chosen))


def travel(url: str, options: Options, *, purpose: str, within: float) -> Journey:
    """Go the way to `url`, cooperatively, for at most so many seconds. Never raises for what it meets."""
    way = _Way(url, options, is_for_events=purpose == "events")
    limit = gevent.Timeout.start_new(within)
    try:
        way.go()
    except gevent.Timeout as expired:
        if expired is not limit:
            raise
        way.facts |= {"failure": "timeout", "words": f"{way.step} had no end within {within:g} s"}
    except Exception as error:
        told = delivery_error(error, url)
        way.facts |= {"failure": told.reason, "words": str(told), "verify_code": _verify_code(error)}
    finally:
        limit.close()
    return Journey(url=url, purpose=purpose, **way.facts)


class _Way:
    """One attempt; `facts` are those of a Journey that are known so far."""

    def __init__(self, url: str, options: Options, *, is_for_events: bool) -> None:
        self._url = url
        self._options = options
        self._headers = {"User-Agent": f"segment-gevent/{__version__}", "Accept": "application/json"}
        self._body = None
        is_with_key = is_for_events and bool(options.api_key) and not options.oauth_client_id
        if is_for_events:
            self._headers["Content-Type"] = "application/json"
            self._body = EMPTY_BATCH
        if is_with_key:
            self._headers["Authorization"] = Basic(options.api_key).header()
        self.facts: dict[str, Any] = {"is_with_key": is_with_key}
        self.step = "the choice of a proxy"

    def go(self) -> None:
        proxy = proxy_for(self._url, self._options.proxies)
        peer = urlsplit(proxy or self._url)
        host, port = peer.hostname or "", peer.port or _PORTS[peer.scheme]
        self.facts |= {"via": masked_url(proxy) if proxy else "", "peer": f"{host}:{port}"}
        with self._timed("lookup", f"looking up {host}"):
            found = gevent.socket.getaddrinfo(host, port, 0, gevent.socket.SOCK_STREAM)
        self.facts["addresses"] = tuple(dict.fromkeys(str(each[4][0]) for each in found))
        with self._timed("connect", f"connecting to {host}:{port}"):
            sock = gevent.socket.create_connection((host, port), self._options.timeout[0])
        try:
            if peer.scheme == "https":
                self._handshake(sock, host)
        finally:
            sock.close()
        self._request(proxy)

    def _handshake(self, sock: Any, host: str) -> None:
        context = TlsContext.make(self._options.verify, WeakSet())
        with self._timed("tls", f"the TLS handshake with {host}"):
            secured = context.wrap_socket(sock, server_hostname=host)
        self._certificate(secured)
        secured.close()

    def _certificate(self, secured: Any) -> None:
        self.facts["tls_version"] = secured.version() or ""
        certificate = secured.getpeercert() or {}  # empty where nothing was verified
        if "notAfter" in certificate:
            self.facts["days"] = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / _DAY
            issuer = {name: value for part in certificate.get("issuer", ()) for name, value in part}
            self.facts["issuer"] = issuer.get("organizationName") or issuer.get("commonName") or "its issuer"

    def _request(self, proxy: str | None) -> None:
        network = Network(self._options.verify)
        adapter = GeventAdapter(network, tls=any(url.startswith("https:") for url in (self._url, proxy or "")))
        try:
            pool = adapter.get_connection(self._url, {"all": proxy} if proxy else {})
            with self._timed("answer", "an answer"):
                begin = time.time()
                answer = pool.urlopen(
                    "POST" if self._body else "GET",
                    self._url if proxy and self._url.startswith("http:") else urlsplit(self._url).path or "/",
                    body=self._body,
                    headers=self._headers,
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    timeout=self._options.timeout[1],
                    preload_content=False,
                )
            self.facts["status"] = answer.status
            self.facts["ahead"] = _ahead(answer.headers.get("Date"), begin, time.time())
            sock = getattr(answer.connection, "sock", None)
            if proxy and hasattr(sock, "getpeercert"):
                self._certificate(sock)
            answer.close()
        finally:
            adapter.close()

    @contextmanager
    def _timed(self, name: str, step: str) -> Iterator[None]:
        self.step = step
        begin = time.monotonic()
        yield
        self.facts[name] = time.monotonic() - begin


def _ahead(date: str | None, begin: float, end: float) -> float | None:
    """By how much the server's clock is ahead, 0.0 where the whole second of its Date can be this machine's."""
    try:
        served = parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError):
        return None
    if served > end:
        return served - end
    return min(0.0, served + 1 - begin)


def _verify_code(error: BaseException) -> int:
    codes = [link.verify_code for link in chain(error) if isinstance(link, ssl.SSLCertVerificationError)]
    return int(codes[-1]) if codes else 0


def ask_for_token(options: Options, within: float) -> str:
    """Why the token server gives no token; "" if it gave one, which is forgotten at once. Switches."""
    from segment_gevent.delivery.oauth.client_key import ClientKey
    from segment_gevent.delivery.oauth.token_request import Application, TokenRequests, token_url
    from segment_gevent.delivery.transport import http_transport

    key = ClientKey(options.oauth_client_key)
    application = Application(options.oauth_client_id, key, options.oauth_key_id, options.oauth_scope)
    transport = http_transport(token_url(options.oauth_auth_server), options)
    requests = TokenRequests(
        application,
        options.oauth_auth_server,
        post=lambda _url, body, headers: transport.send(body, headers),
        now=time.monotonic,
        wall_clock=time.time,
    )
    try:
        requests.send(time.monotonic() + within)
    except DeliveryError as error:
        return str(error)
    finally:
        transport.close()
    return ""
