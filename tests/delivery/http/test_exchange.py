"""The short way over a kept-alive connection: nobody can tell it from the long one."""

from __future__ import annotations

import http.client
import io
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from hypothesis import given
from hypothesis import strategies as st
from servers.http_wire import OK, Peer, WireServer, server_context
from urllib3 import HTTPConnectionPool

from segment_gevent.delivery.http.connections import Network
from segment_gevent.delivery.http.exchange import Answer, Head, exchange, whole_answer
from segment_gevent.delivery.transport import HttpTransport
from segment_gevent.errors import DeliveryError

HEADERS = {"Content-Type": "application/json", "Authorization": "Basic a2V5Og==", "User-Agent": "us"}


def pool_of(server: WireServer) -> HTTPConnectionPool:
    return Network(None).pools["http"]("127.0.0.1", server.server_port)


# The request


@pytest.mark.parametrize(("scheme", "host"), [("http", "127.0.0.1"), ("https", "127.0.0.1"), ("http", "::1")])
def test_later_requests_are_written_like_the_first(
    scheme: str, host: str, certificate_authority: trustme.CA, ca_bundle: Path
) -> None:
    """Line and headers, in the same order; only the body's length is its own."""
    tls = server_context(certificate_authority) if scheme == "https" else None
    with WireServer(host=host, tls=tls) as server:
        transport = HttpTransport(f"{server.url}?a=b", verify=str(ca_bundle), proxies={})
        for body in (b"1", b"22", b""):
            transport.send(body, HEADERS)
    first, *others = server.requests
    for request, length in zip(others, ("2", "0"), strict=True):
        assert request.line == first.line == "POST /v1/batch?a=b HTTP/1.1"
        assert request.headers.pop("content-length") == length
        assert [*request.headers.items()] == [item for item in first.headers.items() if item[0] != "content-length"]
    assert server.connections == 1


def test_changed_headers_are_sent() -> None:
    """A retry's count and a new token, each in its own request and in no later one."""
    counts: list[dict[str, str]] = [
        {},
        {"X-Retry-Count": "1"},
        {"X-Retry-Count": "2"},
        {"Authorization": "Bearer t"},
        {},
    ]
    with WireServer() as server:
        transport = HttpTransport(server.url, proxies={})
        for more in counts:
            transport.send(b"{}", {**HEADERS, **more})
    got = [(each.headers.get("x-retry-count"), each.headers["authorization"]) for each in server.requests]
    key = HEADERS["Authorization"]
    assert got == [(None, key), ("1", key), ("2", key), (None, "Bearer t"), (None, key)]


@pytest.mark.parametrize("kept_alive", [0, 1])
def test_a_header_that_would_break_the_request_is_refused(kept_alive: int) -> None:
    """A token with a line end in it smuggles nothing in, on either way."""
    with WireServer() as server:
        transport = HttpTransport(server.url, proxies={})
        for _ in range(kept_alive):
            transport.send(b"{}", HEADERS)
        with pytest.raises(DeliveryError) as caught:
            transport.send(b"{}", {"Authorization": "Bearer a\r\nX-Evil: 1"})
        assert caught.value.reason == "transport"
        assert transport.send(b"{}", HEADERS).status_code == 200
    assert len(server.requests) == kept_alive + 1
    assert all("x-evil" not in request.headers for request in server.requests)


# The answer

SUCCESS = b'Content-Length: 16\r\n\r\n{"success":true}'
ANSWERS = {
    "Segment's": b"HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 00:00:00 GMT\r\nConnection: keep-alive\r\n" + SUCCESS,
    "no reason": b"HTTP/1.1 200\r\n" + SUCCESS,
    "empty reason": b"HTTP/1.1 200 \r\n" + SUCCESS,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n" + SUCCESS,
    "a refusal": b"HTTP/1.1 429 Too Many Requests\r\nretry-after:7 \r\n" + SUCCESS,
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "empty content": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no length": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
    "last of its connection": b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + SUCCESS,
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nTrailer: 1\r\n\r\n",
    "preceded": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + SUCCESS,
    "a header twice": b"HTTP/1.1 200 OK\r\nVary: a\r\nVary: b\r\n" + SUCCESS,
    "cookies": b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nSet-Cookie: c=d\r\n" + SUCCESS,
    "line feeds": b'HTTP/1.1 200 OK\nContent-Length: 16\n\n{"success":true}',
    "encoded": b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\n" + SUCCESS,
    "not ASCII": b"HTTP/1.1 200 tr\xe8s bien\r\nX-Name: Zo\xeb\r\n" + SUCCESS,
    "large": b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000,
}


def said(response: requests.Response) -> tuple[object, ...]:
    cookies = response.cookies.get_dict()
    return response.status_code, response.reason, [*response.headers.items()], response.content, cookies


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("name", ANSWERS)
def test_later_answers_are_read_like_the_first(name: str, pieces: int) -> None:
    """Of whatever kind and in whatever pieces, each comes out the same by either way."""
    raw = ANSWERS[name]
    middle = len(raw) // pieces

    def answer(peer: Peer) -> None:
        if len(server.requests) == 1 and peer.request():
            peer.sock.sendall(OK)
        while peer.request():
            peer.sock.sendall(raw[:middle])
            middles.append(None)
            peer.sock.sendall(raw[middle:])
            if b"close" in raw or b"HTTP/1.0" in raw:
                return

    middles: list[None] = []
    with WireServer(answer) as server:
        first = HttpTransport(server.url, proxies={}).send(b"{}", HEADERS)
        transport = HttpTransport(server.url, proxies={})
        transport.send(b"{}", HEADERS)
        later = transport.send(b"{}", HEADERS)
        assert server.connections == 2
        assert transport.send(b"{}", HEADERS).status_code == first.status_code
    assert said(later) == said(first)
    assert later.url == first.url
    assert later.request.body is None


def test_an_answer_in_one_piece_takes_the_short_way() -> None:
    """Once urllib3 has had a first answer on the connection; before, nothing is sent."""
    with WireServer() as server:
        pool = pool_of(server)
        head = Head(pool, "/v1/batch", HEADERS)
        assert exchange(pool, head, b"1") is None
        pool.urlopen("POST", "/v1/batch", body=b"2", headers=HEADERS)
        answer = exchange(pool, head, b"3")
    assert isinstance(answer, Answer)
    assert (answer.status, answer.content) == (200, b'{"success": true}')
    assert [(request.body, request.connection) for request in server.requests] == [(b"2", 1), (b"3", 1)]


LINES = ["HTTP/1.1 200 OK", "HTTP/1.1 500  a  b ", "HTTP/1.1 304 Same", "HTTP/1.1 100 Continue", "HTTP/1.0 200 OK", "x"]
LENGTHS = ["Content-Length: 2", "content-length:2", "Content-Length: 02", "Content-Length: 3", "Connection: close"]
FIELDS = [
    "Connection: keep-alive",
    "Date: today",
    "Date:",
    "X:\ty \t",
    "no colon",
    " folded",
    "a b: c",
    "é: 1",
    "X: a\rb",
]


@given(
    line=st.sampled_from(LINES),
    fields=st.tuples(
        st.sampled_from(LENGTHS), st.lists(st.sampled_from(FIELDS), max_size=2), st.sampled_from([*FIELDS, *LENGTHS])
    ),
    end=st.sampled_from(["\r\n", "\n"]),
    content=st.sampled_from([b"{}", b"", b"{}{}"]),
)
def test_a_whole_answer_is_what_http_client_reads(
    line: str, fields: tuple[str, list[str], str], end: str, content: bytes
) -> None:
    """Where it says what an answer is, http.client says the same, and that nothing is left and the connection stays."""
    piece = end.join([line, fields[0], *fields[1], fields[2], "", ""]).encode("latin-1") + content
    answer = whole_answer(piece)
    if answer is None:
        return

    class Socket:
        def makefile(self, *_: object) -> io.BytesIO:
            return stream

    stream = io.BytesIO(piece)
    reference: Any = http.client.HTTPResponse(Socket(), method="POST")  # type: ignore[arg-type]
    reference.begin()
    assert answer.content == reference.read()
    assert (answer.status, answer.reason) == (reference.status, reference.reason)
    assert answer.headers == dict(reference.getheaders())
    assert not reference.will_close
