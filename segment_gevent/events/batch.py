"""Batches: messages in the envelope that one request carries, with the size known to the byte before it is built."""

from __future__ import annotations

from collections import deque

import orjson

from segment_gevent.events.encoding import encode
from segment_gevent.events.timestamps import STAMP_LENGTH

BATCH_BYTES = 500_000
"""Bytes of a request's uncompressed body, at most, as Segment's HTTP API has it."""

BATCH_MESSAGES = 2_500
"""Messages of a batch, at most, as Segment's HTTP API has it."""

_OPEN = b'{"batch":['
_SENT_AT = b'],"sentAt":"'
_WRITE_KEY = b'","writeKey":'


class Envelope:
    """What stands around the messages of every batch; the write key is escaped here, once."""

    __slots__ = ("_tail", "size")

    def __init__(self, write_key: str) -> None:
        self._tail = _WRITE_KEY + encode(write_key) + b"}"
        self.size = len(_OPEN) + len(_SENT_AT) + STAMP_LENGTH + len(self._tail)

    def wrap(self, messages: list[bytes], sent_at: str) -> bytes:
        """Return the body of a request; `sent_at` is 24 characters long."""
        if len(sent_at) != STAMP_LENGTH:
            raise ValueError(f"sentAt must be {STAMP_LENGTH} characters, not {len(sent_at)}")
        return b"".join((_OPEN, b",".join(messages), _SENT_AT, sent_at.encode("ascii"), self._tail))


class Batch:
    """Encoded messages that go out together, in order.

    Attributes:
        messages: the messages, as `segment_gevent.events.message.seal` made them.
        size: the length in bytes of what `body` returns.

    >>> batch = Batch(Envelope("a write key"))
    >>> batch.add(b'{"type":"track"}')
    >>> batch.body("2026-11-23T15:19:40.388Z")
    b'{"batch":[{"type":"track"}],"sentAt":"2026-11-23T15:19:40.388Z","writeKey":"a write key"}'
    """

    __slots__ = ("_envelope", "messages", "size")

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self.messages: list[bytes] = []
        self.size = envelope.size

    def __len__(self) -> int:
        return len(self.messages)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} messages, {self.size} bytes>"

    def fits(self, message: bytes) -> bool:
        """Tell whether the batch stays within both limits with `message` added."""
        count = len(self.messages)
        return count < BATCH_MESSAGES and self.size + (count > 0) + len(message) <= BATCH_BYTES

    def add(self, message: bytes) -> None:
        """Add `message`, whether it fits or not; in constant time."""
        self.size += len(message) + (len(self.messages) > 0)  # a comma before all but the first
        self.messages.append(message)

    def take_from(self, queue: deque[bytes]) -> None:
        """Move messages over from the left end of `queue`, as long as they fit.

        Where something is raised in the midst, by a signal handler, the batch has all that left the queue.
        """
        messages, size = self.messages, self.size
        try:
            while queue and len(messages) < BATCH_MESSAGES:
                message = queue[0]
                size += len(message) + (len(messages) > 0)
                if size > BATCH_BYTES:
                    break
                messages.append(message)
                queue.popleft()
        finally:
            self.size = self._envelope.size + sum(map(len, messages)) + max(0, len(messages) - 1)

    def body(self, sent_at: str) -> bytes:
        """Return the JSON of a request; `sent_at`, its time, is taken anew for each attempt."""
        return self._envelope.wrap(self.messages, sent_at)

    def payload(self, sent_at: str) -> dict[str, object]:
        """Return what `body` says as a dict, without the write key: what callbacks get."""
        return {"batch": [orjson.loads(message) for message in self.messages], "sentAt": sent_at}
