"""Dead letters: what can't be delivered, and why. They are entries once more when somebody requeues them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import redis

from segment_gevent.delivery.outbox.entry import said
from segment_gevent.delivery.outbox.keys import Keys
from segment_gevent.relay import scripts

PAGE = 100

Page = list[tuple[bytes, dict[bytes, bytes]]]


class DeadLetter(NamedTuple):
    """One of them, as it lies in its stream."""

    id: bytes
    fields: dict[bytes, bytes]

    @property
    def reason(self) -> str:
        return self.fields.get(b"reason", b"").decode(errors="replace")

    @property
    def host(self) -> str:
        return self.fields.get(b"h", b"").decode(errors="replace")

    @property
    def messages(self) -> int:
        return said(self.fields)


def letters(client: redis.Redis, keys: Keys) -> Iterator[DeadLetter]:
    """All that are there now, oldest first; waits cooperatively. One that is written meanwhile is not among them:
    a relay may bury again what was just requeued.

    Raises:
        redis.RedisError, OSError: as they come.
    """
    for last, _ in cast("Page", client.xrevrange(keys.dead, count=1)):
        yield from _up_to(client, keys, last)


def _up_to(client: redis.Redis, keys: Keys, last: bytes) -> Iterator[DeadLetter]:
    at: bytes | str = "-"
    while page := cast("Page", client.xrange(keys.dead, at, last, count=PAGE)):
        for entry_id, fields in page:
            yield DeadLetter(entry_id, fields)
        at = b"(" + page[-1][0]


def requeue(client: redis.Redis, keys: Keys, letter: DeadLetter) -> bool:
    """Have a letter be an entry again; whether it was still there. Waits cooperatively.

    Raises:
        redis.RedisError, OSError: as they come.
    """
    script: Any = client.register_script(scripts.REQUEUE)
    kept = [part for name, value in letter.fields.items() if name not in {b"reason", b"from"} for part in (name, value)]
    return bool(script(keys=[keys.dead, keys.stream], args=[letter.id, *kept]))
