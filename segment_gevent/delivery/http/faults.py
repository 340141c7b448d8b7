"""What went wrong on the way to the server, in one word: every foreign error becomes a `DeliveryError` here."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator

from requests import exceptions as of_requests
from urllib3 import exceptions as of_urllib3

from segment_gevent.errors import DeliveryError

_PROXY = (
    of_requests.ProxyError,
    of_requests.InvalidProxyURL,
    of_urllib3.ProxyError,
    of_urllib3.ProxySchemeUnknown,
    of_urllib3.ProxySchemeUnsupported,
)
# Asked of the innermost error first. A connection error is an error of its base class, and so comes after its kinds;
# urllib3 counts "connection refused" among its time-outs, and requests its time-outs among its connection errors.
_REASONS: tuple[tuple[str, tuple[type[BaseException], ...]], ...] = (
    ("dns", (socket.gaierror, socket.herror)),
    ("tls", (ssl.SSLError, of_urllib3.SSLError, of_requests.SSLError)),
    ("connection", (of_urllib3.NewConnectionError,)),
    ("timeout", (TimeoutError, of_urllib3.TimeoutError, of_requests.Timeout)),
    (
        "connection",
        (
            ConnectionError,
            http.client.HTTPException,
            of_urllib3.ProtocolError,
            of_urllib3.PoolError,
            of_requests.ConnectionError,
            of_requests.ChunkedEncodingError,
        ),
    ),
)
_CREDENTIALS = re.compile(r"//[^/\s]*@")
_TEXT_LIMIT = 200  # characters of a foreign text; a peer may have had a word in it


def delivery_error(error: Exception, url: str) -> DeliveryError:
    """The error to raise `from error`. Its text shows no credentials and nothing of what was sent or answered."""
    reason = reason_of(error)
    by_whom = "the proxy: " if reason == "proxy" else ""  # it is not the address before it that failed
    return DeliveryError(f"{_masked(url)}: {by_whom}{_detail(error)}", reason=reason)


def reason_of(error: BaseException) -> str:
    """One of `"timeout"`, `"connection"`, `"tls"`, `"proxy"`, `"dns"` and, for all else, `"transport"`."""
    links = list(chain(error))
    if any(isinstance(link, _PROXY) for link in links):
        return "proxy"
    for link in reversed(links):
        for reason, kinds in _REASONS:
            if isinstance(link, kinds):
                return reason
    if any(isinstance(link, OSError) and not isinstance(link, of_requests.RequestException) for link in links):
        return "connection"  # no route to the host, too many open files
    return "transport"


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those it was made from, innermost last.

    requests and urllib3 keep the original among the arguments or in `reason`, not always as the cause.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        inside = (*link.args, getattr(link, "reason", None), getattr(link, "original_error", None), link.__cause__)
        link = next((part for part in inside if isinstance(part, BaseException) and id(part) not in seen), None)


def _detail(error: BaseException) -> str:
    """The innermost error in words: its own, where the operating system or OpenSSL chose them, else its type's name."""
    root = list(chain(error))[-1]
    text = str(root) if isinstance(root, OSError) else ""
    return _masked(text)[:_TEXT_LIMIT] or type(root).__name__


def _masked(text: str) -> str:
    return _CREDENTIALS.sub("//***@", text)
