"""Every error that requests, urllib3, gevent, ssl and the operating system know has its one word."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import gevent.exceptions
import gevent.socket
import pytest
import requests
import urllib3.exceptions

from segment_gevent.delivery.http.connections import StaleConnectionError
from segment_gevent.delivery.http.faults import delivery_error, reason_of
from segment_gevent.delivery.sockets import ForeignConnectionError
from segment_gevent.errors import DeliveryError

REASONS = {"timeout", "connection", "tls", "proxy", "dns", "transport"}


def family(kind: type[Any]) -> Iterator[type[Any]]:
    """A class and all its subclasses, those that this process has loaded."""
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


ROOTS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, http.client.HTTPException)
PACKAGES = ("builtins", "gevent", "http", "requests", "segment_gevent", "select", "socket", "ssl", "urllib3")
KNOWN = sorted(
    {kind for root in ROOTS for kind in family(root) if kind.__module__.split(".")[0] in PACKAGES},
    key=lambda kind: (kind.__module__, kind.__qualname__),
)


@pytest.mark.parametrize("kind", KNOWN, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_every_known_error_has_a_reason(kind: type[Any]) -> None:
    """Whatever a library raises is translated, its text made and the error's class no hindrance."""
    error = kind.__new__(kind)
    assert reason_of(error) in REASONS
    translated = delivery_error(error, "https://user:hunter2@api.segment.io/v1/batch")
    assert isinstance(translated, DeliveryError)
    assert "hunter2" not in str(translated)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (socket.gaierror, "dns"),
        (ssl.SSLCertVerificationError, "tls"),
        (ssl.SSLEOFError, "tls"),
        (requests.exceptions.SSLError, "tls"),
        (urllib3.exceptions.SSLError, "tls"),
        (TimeoutError, "timeout"),
        (requests.ReadTimeout, "timeout"),
        (requests.ConnectTimeout, "timeout"),
        (urllib3.exceptions.ConnectTimeoutError, "timeout"),
        (urllib3.exceptions.ReadTimeoutError, "timeout"),
        (urllib3.exceptions.NewConnectionError, "connection"),
        (urllib3.exceptions.ProtocolError, "connection"),
        (urllib3.exceptions.IncompleteRead, "connection"),
        (requests.ConnectionError, "connection"),
        (requests.exceptions.ChunkedEncodingError, "connection"),
        (ConnectionRefusedError, "connection"),
        (ConnectionResetError, "connection"),
        (BrokenPipeError, "connection"),
        (http.client.BadStatusLine, "connection"),
        (http.client.IncompleteRead, "connection"),
        (gevent.socket.cancel_wait_ex, "connection"),
        (StaleConnectionError, "connection"),
        (ForeignConnectionError, "connection"),
        (OSError, "connection"),
        (requests.exceptions.ProxyError, "proxy"),
        (requests.exceptions.InvalidProxyURL, "proxy"),
        (urllib3.exceptions.ProxyError, "proxy"),
        (requests.exceptions.InvalidURL, "transport"),
        (requests.exceptions.MissingSchema, "transport"),
        (urllib3.exceptions.LocationParseError, "transport"),
        (gevent.exceptions.LoopExit, "transport"),
        (gevent.exceptions.BlockingSwitchOutError, "transport"),
        (RecursionError, "transport"),
        (ImportError, "transport"),
    ],
    ids=lambda value: getattr(value, "__qualname__", value),
)
def test_an_error_has_the_reason_that_helps(kind: type[Any], reason: str) -> None:
    """The innermost error that says something decides, wherever requests and urllib3 keep it."""
    error = kind.__new__(kind)
    assert reason_of(error) == reason
    for wrapped in (
        requests.ConnectionError(error),
        requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", error)),
    ):
        assert reason_of(wrapped) == (reason if reason != "transport" else "connection")


def test_a_proxy_is_to_blame_before_what_it_failed_of() -> None:
    """The name of the proxy unknown, its TLS bad: one looks at the proxy."""
    for inner in (socket.gaierror(-2, "unknown"), ssl.SSLError(1, "bad"), TimeoutError("late")):
        wrapped = requests.exceptions.ProxyError(urllib3.exceptions.ProxyError("Unable to connect to proxy", inner))
        assert reason_of(wrapped) == "proxy"


def test_the_text_blames_the_proxy() -> None:
    """Beside the server's address, "Connection refused" alone would send its reader to the wrong machine."""
    refused = ConnectionRefusedError(111, "Connection refused")
    error = delivery_error(requests.exceptions.ProxyError(refused), "https://api.segment.io/v1/batch")
    assert str(error) == "https://api.segment.io/v1/batch: the proxy: [Errno 111] Connection refused"


def test_an_error_that_is_its_own_cause_ends() -> None:
    """Exceptions can refer to each other in circles."""
    error = ValueError()
    error.args = (error,)
    other = requests.ConnectionError(error)
    error.__cause__ = other
    assert reason_of(other) == "connection"


def test_the_text_is_short_and_shows_no_credentials() -> None:
    """Where to, and what happened, in the words of the operating system; a peer's words only as far as they go."""
    url = "https://user:hunter2@api.segment.io/v1/batch"
    refused = requests.ConnectionError(ConnectionRefusedError(111, "Connection refused"))
    assert str(delivery_error(refused, url)) == "https://***@api.segment.io/v1/batch: [Errno 111] Connection refused"
    tunnel = OSError("Tunnel connection failed: 407 " + "no " * 200 + "http://user:hunter2@proxy")
    assert len(str(delivery_error(tunnel, url))) < 300
    echoed = requests.ConnectionError(http.client.BadStatusLine("Authorization: Basic c2VjcmV0"))
    assert str(delivery_error(echoed, url)) == "https://***@api.segment.io/v1/batch: BadStatusLine"
