"""The sink takes requests out of a stream however it comes in pieces."""

from __future__ import annotations

import gzip

import pytest

from benchmarks.http_wire import take_request

PLAIN = b"POST /v1/batch HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
ZIPPED = gzip.compress(b"body")
COMPRESSED = b"POST /z HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(ZIPPED), ZIPPED)
CHUNKED = b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n1;x=y\r\ny\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("wire", "path"), [(PLAIN, b"/v1/batch"), (COMPRESSED, b"/z"), (CHUNKED, b"/c")], ids=["plain", "gzip", "chunked"]
)
def test_a_request_is_taken_once_it_is_whole(wire: bytes, path: bytes) -> None:
    """Byte by byte nothing is taken before the last one, and then the body as it was."""
    stream = bytearray()
    for each in wire[:-1]:
        stream.append(each)
        assert take_request(stream) is None
    stream.append(wire[-1])
    assert take_request(stream) == (path, b"body", len(wire))
    assert not stream


def test_requests_that_come_together_are_taken_one_by_one() -> None:
    """What follows a request stays in the stream."""
    stream = bytearray(PLAIN + CHUNKED + PLAIN[:-1])
    assert [request and request.path for request in (take_request(stream) for _ in range(3))] == [
        b"/v1/batch",
        b"/c",
        None,
    ]
    assert stream == PLAIN[:-1]
