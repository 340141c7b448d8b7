"""An entry of the stream: what is written can be read, and anything else is refused with a reason."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_gevent.delivery.outbox.entry import LARGEST, LONGEST, Lines, UnreadableEntryError, fields, read

MESSAGES = [b'{"a":1}', b'{"b":"\\n"}']


def gzipped(body: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def as_redis_gives(**changes: Any) -> dict[bytes, bytes]:
    """The fields of a good entry as bytes, some of them other ones, or left out with None."""
    written = fields(
        write_key="key", host="https://h", body=b"\n".join(MESSAGES), encoding="identity", count=2, now=1.5
    )
    whole = {**written, **changes}
    return {
        name.encode(): value if isinstance(value, bytes) else value.encode()
        for name, value in whole.items()
        if value is not None
    }


def test_what_is_written_can_be_read() -> None:
    """Plain, and compressed."""
    for changes in ({}, {"e": "gzip", "b": gzipped(b"\n".join(MESSAGES))}):
        entry = read(as_redis_gives(**changes))
        assert entry == ("key", "https://h", MESSAGES, 1.5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"v": "2"}, "its version is unknown"),
        ({"v": None}, "its version is unknown"),
        ({"b": None}, "its field 'b' is missing"),
        ({"n": "many"}, "a field of it cannot be read"),
        ({"k": b"\xff"}, "a field of it cannot be read"),
        *(
            (changes, "its write key or its host can be none")
            for changes in (
                {"k": ""},
                {"k": "key\r\nX: y"},
                {"k": "k" * (LONGEST + 1)},
                {"h": "h"},
                {"h": "file:///etc/passwd"},
                {"h": "https://h\x1b[2J"},
                {"h": "https://h?q=1"},
                {"h": "https://user:pw@h"},
                {"h": "https://" + "h" * LONGEST},
            )
        ),
        ({"n": "3"}, "it has 2 messages and says 3"),
        ({"b": b"{}\n"}, "it has 2 messages and says 2"),
        ({"e": "zstd"}, "its encoding is unknown"),
        ({"b": b"x" * (LARGEST + 1)}, "its body is too large"),
        ({"e": "gzip"}, "its body is no gzip"),
        ({"e": "gzip", "b": gzipped(b"{}\n{}")[:-9]}, "its body ends too early, or is too large"),
        ({"e": "gzip", "b": gzipped(b"x" * (LARGEST + 1))}, "its body ends too early, or is too large"),
    ],
)
def test_what_is_no_entry_is_refused(changes: dict[str, Any], reason: str) -> None:
    """Foreign and damaged entries become dead letters with this text, which shows nothing of them."""
    with pytest.raises(UnreadableEntryError) as caught:
        read(as_redis_gives(**changes))
    assert str(caught.value) == reason


@given(st.dictionaries(st.sampled_from([b"v", b"k", b"h", b"n", b"e", b"t", b"b"]), st.binary(max_size=20)))
def test_nothing_but_the_one_error_is_raised(given_fields: dict[bytes, bytes]) -> None:
    """Whatever somebody else adds to the stream, a relay goes on."""
    with suppress(UnreadableEntryError):
        read({b"v": b"1", **given_fields})


def test_a_batch_for_the_outbox_is_lines() -> None:
    """Without envelope, size included."""
    lines = Lines()
    assert lines.wrap(MESSAGES, "any time") == b'{"a":1}\n{"b":"\\n"}'
    assert lines.size == 0
