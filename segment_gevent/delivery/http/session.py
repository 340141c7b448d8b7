"""One hub's requests session: an adapter that keeps connections alive, and what is the same in every request.

Of requests' `Session` only the adapter is used, and that where no connection was kept alive. Its `post` would merge
environment, cookies and ~/.netrc into each request, whose credentials win over the Authorization header, at twice the
CPU time.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidProxyURL
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import HTTPConnectionPool, HTTPResponse, ProxyManager
from urllib3.util import parse_url

from segment_gevent.delivery.http.connections import Network, StaleConnectionError
from segment_gevent.delivery.http.exchange import Answer, Head, exchange
from segment_gevent.delivery.http.faults import chain

CONTENT_LIMIT = 1 << 20  # bytes of an answer's content, decoded; Segment's own is {"success": true}


class GeventAdapter(HTTPAdapter):
    """requests' adapter for one URL, with a network's connections and TLS context in the place of urllib3's."""

    def __init__(self, network: Network, *, tls: bool) -> None:
        self._network = network
        self._tls: dict[str, Any] = {"ssl_context": network.tls_context()} if tls else {}
        self._pool: HTTPConnectionPool | None = None
        # More idle connections than anyone sends batches at once: past its size a pool logs a warning a request.
        super().__init__(pool_maxsize=100)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **kwargs, **self._tls)
        self.poolmanager.pool_classes_by_scheme = self._network.pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        context = self._tls.get("ssl_context")
        manager: ProxyManager = super().proxy_manager_for(proxy, proxy_ssl_context=context, **kwargs, **self._tls)
        manager.pool_classes_by_scheme = self._network.pools
        return manager

    def get_connection_with_tls_context(
        self,
        request: Any,
        verify: Any,  # noqa: ARG002
        proxies: Any = None,
        cert: Any = None,  # noqa: ARG002
    ) -> HTTPConnectionPool:
        return self.get_connection(request.url, proxies)

    def get_connection(self, url: Any, proxies: Any = None) -> HTTPConnectionPool:  # the hook before requests 2.32.2
        if self._pool is None:  # to find it again takes a fifth of a request's time
            proxy = select_proxy(url, proxies)
            manager = self.proxy_manager_for(proxy) if proxy else self.poolmanager
            self._pool = manager.connection_from_url(url)
        return self._pool

    def close(self) -> None:
        self._pool = None
        super().close()

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing: the context knows whom to trust. Told a file, urllib3 would parse it anew at each connect."""


class HttpSession:
    """POSTs to one URL from one hub, over connections that are kept alive between sends.

    Making one may wait, cooperatively, for the CA certificates.

    Raises:
        requests.RequestException: the URL or the proxy's is malformed.
        ssl.SSLError: the CA certificates cannot be read.
    """

    def __init__(
        self, url: str, network: Network, *, timeout: tuple[float, float], proxies: Mapping[str, str] | None
    ) -> None:
        prepared = requests.Request("POST", url).prepare()
        self._url = str(prepared.url)
        self._target = prepared.path_url
        self._timeout = timeout
        proxy = proxy_for(self._url, proxies)
        self._proxies = {"all": proxy} if proxy else {}
        self._adapter = GeventAdapter(network, tls=any(u.startswith("https:") for u in (self._url, proxy or "")))
        self._head: Head | None = None  # the last one: it changes with the token, and for a retry

    def send(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        """POST and read the answer. A kept-alive connection that turns out closed is replaced, at once and once.

        Raises:
            requests.RequestException, urllib3.exceptions.HTTPError, OSError: as they come.
        """
        request = requests.PreparedRequest()
        request.method = "POST"
        request.url = self._url
        request.headers = CaseInsensitiveDict(headers)
        request.headers["Content-Length"] = str(len(body))
        request.body = body
        try:
            try:
                return self._attempt(request, body, headers)
            except (requests.ConnectionError, StaleConnectionError) as error:
                if not any(isinstance(link, StaleConnectionError) for link in chain(error)):
                    raise
            self.close()  # those that idled beside it are as old
            return self._attempt(request, body, headers)
        finally:
            # Answers and errors refer to the request, and end up in callbacks, reports and logs.
            request.body = None
            request.headers.pop("Authorization", None)

    def close(self) -> None:
        """Close the connections that idle, and those in use when their send ends. Never waits; a later send reopens."""
        self._adapter.close()

    def _attempt(self, request: requests.PreparedRequest, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        raw = self._exchange(body, headers)
        if raw is None:
            response = self._adapter.send(request, stream=True, timeout=self._timeout, proxies=self._proxies)
            raw = response.raw
        else:
            response = self._adapter.build_response(request, raw)  # type: ignore[arg-type]  # both have what it reads
        response.raw = io.BytesIO(raw.content if isinstance(raw, Answer) else _content(raw))
        response.content  # noqa: B018 - reads it into the response
        return response

    def _exchange(self, body: bytes, headers: Mapping[str, str]) -> Answer | HTTPResponse | None:
        """The answer by the short way; None where there is none: no connection was kept alive, or a proxy's was."""
        if self._proxies:  # which add headers of their own
            return None
        pool = self._adapter.get_connection(self._url)
        if self._head is None or self._head.headers != headers:
            self._head = Head(pool, self._target, headers)
        return exchange(pool, self._head, body)


def proxy_for(url: str, proxies: Mapping[str, str] | None) -> str | None:
    """The one proxy on the way to `url`, with its scheme."""
    chosen = select_proxy(url, dict(get_environ_proxies(url) if proxies is None else proxies))
    if not chosen:
        return None
    proxy = chosen if "://" in chosen else f"http://{chosen}"
    try:
        parsed = parse_url(proxy)
    except ValueError as error:
        raise InvalidProxyURL("the proxy's URL is malformed") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        # PySocks connects with the `socket` that it found at its import, which in an unpatched process blocks the hub.
        raise InvalidProxyURL("a proxy is an http:// or https:// URL with a host")
    return proxy


def _content(raw: HTTPResponse) -> bytes:
    """Read the content, at most `CONTENT_LIMIT` bytes of it; a connection with more to come is closed."""
    content = bytearray()
    try:
        while len(content) < CONTENT_LIMIT:
            piece = raw.read(16_384, decode_content=False)
            if not piece:
                break
            content += piece
    finally:
        raw.close()
    return _decoded(bytes(content), raw.headers.get("Content-Encoding", ""))


def _decoded(content: bytes, encoding: str) -> bytes:
    """Undo gzip and deflate, which nobody asked for, within `CONTENT_LIMIT`. What they do not fit stays as it came."""
    if encoding.lower() in ("gzip", "x-gzip", "deflate"):
        with suppress(zlib.error):
            return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(content, CONTENT_LIMIT)
    return content
