"""What a hostile client sends costs the server no more than its bounds, seen from outside: by its memory."""

from __future__ import annotations

import gzip
import socket
from collections import deque
from collections.abc import Iterator
from itertools import repeat

import pytest
from servers.local_segment import LocalSegment
from servers.segment_calls import batch, headers, message

from benchmarks.intake import resident
from segment_gevent.debugger.body import HARD_LIMIT
from segment_gevent.debugger.connection import Connection

MIB = 1024 * 1024


@pytest.fixture
def guarded(segment_server: LocalSegment) -> Iterator[LocalSegment]:
    """A server that must not have grown by 100 MB in the end, and serves on."""
    with Connection(segment_server.url, timeout=60) as connection:
        assert connection.request("POST", "/v1/batch", batch(message(1)), headers())[0] == 200
        before = resident(segment_server.pid)
        yield segment_server
        assert connection.request("POST", "/v1/batch", batch(message(2)), headers())[0] == 200
    assert segment_server.summary()["total"] == 2
    assert resident(segment_server.pid) - before < 100


def test_zip_bombs_are_refused(guarded: LocalSegment) -> None:
    """Two gigabytes in 32 bodies; the reason is told, to the client and in the journal."""
    bomb = gzip.compress(bytes(64 * MIB))
    with Connection(guarded.url, timeout=60) as connection:
        for _ in range(32):
            status, answer = connection.request("POST", "/v1/batch", bomb, headers(Content_Encoding="gzip"))
            assert (status, b"inflates to more than" in answer) == (413, True)
    assert "inflates to more than" in guarded.requests()[-1]["problems"][0]


def test_a_body_in_chunks_without_end_is_cut_off(guarded: LocalSegment) -> None:
    """It is answered while it still comes, and then no more of it is read."""
    lines = [f"{name}: {value}" for name, value in headers().items()]
    head = "\r\n".join(["POST /v1/batch HTTP/1.1", "Host: local", "Transfer-Encoding: chunked", *lines, "", ""])
    chunk = b"%x\r\n%b\r\n" % (MIB, bytes(MIB))
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=60) as raw:
        raw.sendall(head.encode())
        with pytest.raises(OSError):  # once the server has ended it
            deque(map(raw.sendall, repeat(chunk)), maxlen=0)
    guarded.wait_for(requests=2)
    assert guarded.requests()[-1]["status"] == 413


def test_millions_of_messages_in_one_body_are_refused(segment_server: LocalSegment) -> None:
    """As many as fit; 400 says so at once."""
    body = b'{"batch":[' + b"{}," * ((HARD_LIMIT - 20) // 3) + b"{}]}"
    before = resident(segment_server.pid)
    with Connection(segment_server.url, timeout=60) as connection:
        status, answer = connection.request("POST", "/v1/batch", body, headers())
    assert (status, b"none is looked at" in answer) == (400, True)
    assert resident(segment_server.pid) - before < 500


def test_a_name_that_resolves_here_is_no_way_in(segment_server: LocalSegment) -> None:
    """For the page, the API, the stream and the description: a foreign Host gets 403, over a real connection."""
    with Connection(segment_server.url, timeout=20) as connection:
        for path in ("/", "/_/events", "/_/stream", "/_/openapi.json", "/_/page/index.html", "/_/nothing"):
            foreign = {"Host": f"evil.example:{segment_server.port}"}
            assert connection.request("GET", path, headers=foreign)[0] == 403
        assert connection.request("PUT", "/_/faults", b"[]", headers={"Host": "evil.example"})[0] == 403
