"""An entry of the stream: one batch as it lies in Redis, and how it is written and read. Pure.

| field | |
|---|---|
| `v` | `1`, the version of this form |
| `k` | the write key: whoever can read the stream has it |
| `h` | the host that the batch is for |
| `n` | how many messages |
| `e` | how the messages are encoded: `identity` or `gzip` |
| `t` | when it was added, by the clock of who added it: Unix time in milliseconds |
| `b` | the messages: JSON, one a line |

Lines and not a JSON array, so that who packs larger batches of them cuts at line ends, and parses nothing. When Redis
took the entry, its id says.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from segment_gevent import checks
from segment_gevent.errors import ConfigError
from segment_gevent.events.batch import BATCH_BYTES, BATCH_MESSAGES, Envelope

VERSION = b"1"
IDENTITY = "identity"
GZIP = "gzip"

LARGEST = 4 * BATCH_BYTES
"""Bytes of an entry's messages, unpacked, at most: no client makes half of that, and a bad body could unpack to any."""


LONGEST = 2048
"""Characters of a write key, and of a host, at most."""

LATEST = 2**53
"""Milliseconds: past it a number is no time of anybody's, and may be one that no calculation takes."""


class UnreadableEntryError(ValueError):
    """An entry is none of ours, or damaged; the text says how, and shows nothing of it."""


class Lines(Envelope):
    """What stands around the messages of a batch for the outbox: nothing, but a line end between two."""

    def __init__(self) -> None:
        super().__init__("")
        self.size = 0

    def wrap(self, messages: list[bytes], sent_at: str) -> bytes:  # noqa: ARG002 - who sends it takes the time anew
        return b"\n".join(messages)


class Entry(NamedTuple):
    """One batch in the stream."""

    write_key: str
    host: str
    messages: list[bytes]
    added: float
    """Unix time, seconds, by the clock of who added it."""


def fields(*, write_key: str, host: str, body: bytes, encoding: str, count: int, now: float) -> dict[str, str | bytes]:
    """What XADD is given; `body` is lines, encoded as `encoding` says, `now` Unix time in seconds."""
    return {
        "v": VERSION,
        "k": write_key,
        "h": host,
        "n": str(count),
        "e": encoding,
        "t": str(int(now * 1000)),
        "b": body,
    }


def read(given: Mapping[bytes, bytes]) -> Entry:
    """An entry's fields, as Redis gives them.

    Raises:
        UnreadableEntryError: they are no entry's.
    """
    if given.get(b"v") != VERSION:
        raise UnreadableEntryError("its version is unknown")
    try:
        key, host = given[b"k"].decode(), given[b"h"].decode()
        body = _decoded(given[b"b"], given[b"e"].decode())
        count, added = int(given[b"n"]), _time(given[b"t"])
    except KeyError as error:
        raise UnreadableEntryError(f"its field {error.args[0].decode()!r} is missing") from None
    except ValueError as error:
        if isinstance(error, UnreadableEntryError):
            raise
        raise UnreadableEntryError("a field of it cannot be read") from None
    if not _can_be(key, host):
        raise UnreadableEntryError("its write key or its host can be none")
    messages = body.split(b"\n")
    if len(messages) != count or not count <= BATCH_MESSAGES or not all(messages):
        raise UnreadableEntryError(f"it has {len(messages)} messages and says {count}")
    return Entry(key, host, messages, added)


def said(given: Mapping[bytes, bytes]) -> int:
    """How many messages an entry says it has, whatever it is; 0 where none can have so many."""
    text = given.get(b"n", b"")
    count = int(text) if text.isdigit() and len(text) <= len(str(BATCH_MESSAGES)) else 0
    return count if count <= BATCH_MESSAGES else 0


def _time(text: bytes) -> float:
    milliseconds = int(text)
    if not 0 <= milliseconds <= LATEST:
        raise ValueError
    return milliseconds / 1000


@lru_cache(maxsize=256)  # a stream has few of them
def _can_be(key: str, host: str) -> bool:
    """Whether a client could have been given both: neither breaks a line of the log, or of a request's head."""
    try:
        return max(len(key), len(host)) <= LONGEST and (checks.write_key("k", key), checks.address("h", host)) == (
            key,
            host,
        )
    except ConfigError:
        return False


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == IDENTITY:
        if len(body) > LARGEST:
            raise UnreadableEntryError("its body is too large")
        return body
    if encoding != GZIP:
        raise UnreadableEntryError("its encoding is unknown")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacker.decompress(body, LARGEST)
    except zlib.error:
        raise UnreadableEntryError("its body is no gzip") from None
    if not unpacker.eof:
        raise UnreadableEntryError("its body ends too early, or is too large")
    return unpacked
