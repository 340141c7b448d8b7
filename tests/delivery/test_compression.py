"""Bodies are compressed whole, in pieces that leave room between them."""

from __future__ import annotations

import gzip
import random

import pytest

from segment_gevent.delivery.compression import PIECE, gzipped

NOISE = random.Random(7).randbytes(3 * PIECE)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_any_body_comes_back_whole(size: int) -> None:
    """What gzip makes of it again is what went in."""
    assert gzip.decompress(gzipped(NOISE[:size], 1, between=int)) == NOISE[:size]


def test_no_piece_is_long() -> None:
    """Whoever wants a turn gets one after each piece, also before the compressed body is sent."""
    turns: list[None] = []
    gzipped(NOISE, 1, between=lambda: turns.append(None))
    assert len(turns) == 3
    gzipped(NOISE[: PIECE - 1], 1, between=lambda: turns.append(None))
    assert len(turns) == 3
    gzipped(NOISE[: PIECE + 1], 1, between=lambda: turns.append(None))
    assert len(turns) == 5
