"""Compressing a request's body without stalling the hub: in small pieces, with a pause between two of them."""

from __future__ import annotations

import zlib
from collections.abc import Callable

PIECE = 32_768
"""Bytes compressed at a time: 0.14 ms at level 1 and 0.7 ms at level 9, where a whole body took 2 and 12."""

GZIP_WINDOW = 31
"""zlib's largest window, 15 bits, plus 16 for a gzip header and trailer."""


def gzipped(body: bytes, level: int, between: Callable[[], object]) -> bytes:
    """Return `body` compressed as gzip; calls `between` after each piece, unless there is only one and that not full.

    The threadpool would do it as well, at 85 to 190 µs a trip.
    """
    compressor = zlib.compressobj(level, zlib.DEFLATED, GZIP_WINDOW)
    view = memoryview(body)
    parts = []
    for start in range(0, len(body), PIECE):
        piece = view[start : start + PIECE]
        parts.append(compressor.compress(piece))
        if len(piece) == PIECE:
            between()
    parts.append(compressor.flush())
    if len(body) > PIECE and len(body) % PIECE:
        between()  # the last piece and the send that follows made one slice of 0.25 ms
    return b"".join(parts)
