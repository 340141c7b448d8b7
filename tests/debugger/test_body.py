"""Bodies are read and inflated whole, or refused with the status that says why."""

import gzip
import io
import tracemalloc
import zlib

import gevent
import pytest

from segment_gevent.debugger import body


class Endless:
    """A client that never stops sending."""

    def read(self, size: int, /) -> bytes:
        return b"x" * size


class Silent:
    """A client that announced a body and never sends it."""

    def read(self, _size: int, /) -> bytes:
        gevent.sleep(60)
        return b""


class Broken:
    """A client that went away within its body."""

    def read(self, _size: int, /) -> bytes:
        raise OSError("unexpected end of file")


def test_a_body_is_read_whole() -> None:
    """Every byte up to the limit is returned, however many reads that takes."""
    data = bytes(range(256)) * 1000
    assert body.read(io.BytesIO(data), limit=len(data)) == data


def test_a_body_over_the_limit_is_413() -> None:
    """One byte too many ends the reading."""
    with pytest.raises(body.BodyError) as refused:
        body.read(io.BytesIO(b"x" * 101), limit=100)
    assert refused.value.status == 413


def test_an_endless_body_ends_at_the_limit() -> None:
    """What never ends is not read on for ever, and marked as having more to come."""
    with pytest.raises(body.BodyError) as refused:
        body.read(Endless())
    assert (refused.value.status, refused.value.unread) == (413, True)


def test_a_body_that_does_not_come_is_408() -> None:
    """The wait for a body has an end."""
    with pytest.raises(body.BodyError) as refused:
        body.read(Silent(), timeout=0.01)
    assert refused.value.status == 408


def test_the_time_out_of_a_caller_passes_through() -> None:
    """A gevent.Timeout that is not the reader's own is not taken for a slow client."""
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
        body.read(Silent())


def test_a_body_that_breaks_off_is_400() -> None:
    """A client that goes away in the middle is told so, in case it still listens."""
    with pytest.raises(body.BodyError) as refused:
        body.read(Broken())
    assert refused.value.status == 400


def test_gzip_and_identity_are_undone() -> None:
    """Both encodings that Segment takes give back the JSON."""
    assert body.inflate(gzip.compress(b"{}"), "gzip") == b"{}"
    assert body.inflate(b"{}", "identity") == b"{}"
    assert body.inflate(b"{}", "") == b"{}"


@pytest.mark.parametrize(
    ("data", "encoding", "status"),
    [
        (b"not gzip", "gzip", 400),
        (gzip.compress(b"{}" * 100, mtime=0)[:-9], "gzip", 400),
        (gzip.compress(b"{}", mtime=0) + b"more", "gzip", 400),
        (zlib.compress(b"{}"), "deflate", 415),
        (b"", "gzip", 400),
    ],
)
def test_what_is_not_gzip_is_refused(data: bytes, encoding: str, status: int) -> None:
    """Garbage, cut-off, followed and unknown encodings each get their status."""
    with pytest.raises(body.BodyError) as refused:
        body.inflate(data, encoding)
    assert refused.value.status == status


def test_a_zip_bomb_costs_no_more_than_the_limit() -> None:
    """A hundred megabytes of zeros in a hundred kilobytes are refused without being made."""
    bomb = gzip.compress(bytes(100 * 1024 * 1024), 9)
    tracemalloc.start()
    try:
        with pytest.raises(body.BodyError) as refused:
            body.inflate(bomb, "gzip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.status == 413
    assert peak < 3 * body.HARD_LIMIT


def test_both_sides_of_the_inflated_limit() -> None:
    """Exactly the limit passes; one byte more does not."""
    assert len(body.inflate(gzip.compress(b"x" * 100), "gzip", limit=100)) == 100
    with pytest.raises(body.BodyError):
        body.inflate(gzip.compress(b"x" * 101), "gzip", limit=100)
