"""A small HTTP client over gevent's sockets: waiting for an answer lets other greenlets run, patched or not.

For talking to servers of one's own on this machine. It is apart from the transport that delivers events, so that a test
of that transport does not trust it to report on itself.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit

import gevent.socket
import gevent.ssl


class Connection:
    """One keep-alive connection to the server of `url` ("https://127.0.0.1:8765"); not for two greenlets at once.

    `cafile` is a bundle of certificates in PEM to trust instead of the system's. `timeout`, in seconds, bounds each
    wait for the network.
    """

    def __init__(self, url: str, *, cafile: str | None = None, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        self._prefix = parts.path.rstrip("/")
        host = parts.hostname or ""
        context = gevent.ssl.create_default_context(cafile=cafile) if parts.scheme == "https" else None
        port = parts.port or (80 if context is None else 443)
        self._http = _GeventHTTPConnection(host, port, timeout, context)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send one request and read its whole answer; cooperative. Returns the status and the body.

        Raises:
            OSError: when the connection fails or a wait takes longer than the time-out.
            http.client.HTTPException: when the answer is not HTTP.
        """
        status, _, content = self.exchange(method, path, body, headers)
        return status, content

    def exchange(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """As `request`; returns the status, the headers and the body."""
        try:
            self._http.request(method, self._prefix + path, body, dict(headers or {}))
            response = self._http.getresponse()
            return response.status, response.headers, response.read()
        except BaseException:
            # Half a request or half an answer is on it: the next one needs a new connection.
            self._http.close()
            raise

    def close(self) -> None:
        """End the connection; a later request opens a new one."""
        self._http.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class _GeventHTTPConnection(http.client.HTTPConnection):
    """The standard library's client, which asks nothing of a socket but what gevent's has."""

    def __init__(self, host: str, port: int, timeout: float, context: gevent.ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=timeout)
        self._context = context

    def connect(self) -> None:
        self.sock = gevent.socket.create_connection((self.host, self.port), self.timeout)
        self.sock.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)
