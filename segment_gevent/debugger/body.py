"""The bytes of one request's body: read and inflated, both within bounds, whatever the client sends."""

from __future__ import annotations

import zlib
from typing import Protocol

import gevent

# Far over Segment's own 500,000 bytes, so that a body somewhat too large can be read and explained, and far below what
# would hurt this process: a zip bomb inflates a thousandfold.
HARD_LIMIT = 8 * 1024 * 1024
READ_TIMEOUT = 30.0
_CHUNK = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class BodyError(Exception):
    """The body cannot be had. `status` is the answer it deserves; `unread` tells that more of it may still come."""

    def __init__(self, status: int, reason: str, *, unread: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.unread = unread


class Stream(Protocol):
    """What is read of `wsgi.input`."""

    def read(self, size: int, /) -> bytes: ...


def read(stream: Stream, *, limit: int = HARD_LIMIT, timeout: float = READ_TIMEOUT) -> bytes:
    """All bytes of the body, as sent; waits cooperatively, at most `timeout` seconds for the whole.

    Raises:
        BodyError: 413 for more than `limit` bytes, 408 when they do not come in time, 400 when they end early.
    """
    chunks: list[bytes] = []
    size = 0
    late = gevent.Timeout(timeout)
    try:
        with late:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > limit:
                    raise BodyError(413, f"the body is over {limit:,} bytes", unread=True)
                chunks.append(chunk)
    except gevent.Timeout as error:
        if error is not late:
            raise
        raise BodyError(408, f"the body did not come within {timeout:g} seconds", unread=True) from None
    except OSError as error:
        raise BodyError(400, f"the body ends early: {error}", unread=True) from error
    return b"".join(chunks)


def inflate(data: bytes, encoding: str, *, limit: int = HARD_LIMIT) -> bytes:
    """The body as it was before `Content-Encoding`; never makes more than `limit` bytes of it.

    Raises:
        BodyError: 415 for an encoding other than gzip, 413 for more than `limit` bytes, 400 for what is not gzip.
    """
    if encoding in ("", "identity"):
        return data
    if encoding != "gzip":
        raise BodyError(415, f"Content-Encoding {encoding[:40]!r} is not known: gzip is")
    inflater = zlib.decompressobj(_GZIP)
    try:
        inflated = inflater.decompress(data, limit + 1)
    except zlib.error as error:
        raise BodyError(400, f"the body is not gzip: {error}") from error
    if len(inflated) > limit:
        raise BodyError(413, f"the body inflates to more than {limit:,} bytes")
    if not inflater.eof:
        raise BodyError(400, "the gzip body ends early")
    if inflater.unused_data:
        raise BodyError(400, "bytes follow the end of the gzip body")
    return inflated
