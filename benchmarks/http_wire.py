"""Requests out of a stream of bytes, as cheaply as Python can: the sink must not be what is measured. Pure."""

from __future__ import annotations

import zlib
from typing import NamedTuple

_GZIP = 16 + zlib.MAX_WBITS
_END_OF_HEAD = b"\r\n\r\n"


class Request(NamedTuple):
    """One request: its path, its body as it was before any gzip, and its length on the wire."""

    path: bytes
    body: bytes
    size: int


def take_request(stream: bytearray) -> Request | None:
    """Remove the first request from `stream`, once the whole of it is there.

    Raises:
        ValueError, zlib.error: what came is no request.
    """
    end = stream.find(_END_OF_HEAD)
    if end < 0:
        return None
    head = bytes(stream[:end])
    request_line, *lines = head.split(b"\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    start = end + len(_END_OF_HEAD)
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        whole = _chunks(stream, start)
        if whole is None:
            return None
        body, stop = whole
    else:
        stop = start + int(headers.get(b"content-length", b"0"))
        if len(stream) < stop:
            return None
        body = bytes(stream[start:stop])
    del stream[:stop]
    if headers.get(b"content-encoding") == b"gzip":
        body = zlib.decompress(body, _GZIP)
    return Request(request_line.split(b" ")[1], body, stop)


def _chunks(stream: bytearray, at: int) -> tuple[bytes, int] | None:
    """The body that is in chunks from `at` on, and where it ends; None while some of it is yet to come."""
    chunks: list[bytes] = []
    while True:
        line_end = stream.find(b"\r\n", at)
        if line_end < 0:
            return None
        size = int(stream[at:line_end].partition(b";")[0], 16)
        at = line_end + 2
        if len(stream) < at + size + 2:
            return None
        if not size:
            return b"".join(chunks), at + 2
        chunks.append(bytes(stream[at : at + size]))
        at += size + 2
