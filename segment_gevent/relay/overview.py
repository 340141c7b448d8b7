"""What Redis says of an outbox at one moment: how much waits, who has it, and what became of the rest."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import redis
from redis.exceptions import ResponseError

from segment_gevent.delivery.outbox.keys import GROUP, PARKED, Keys


class Consumer(NamedTuple):
    """One relay, as the group knows it."""

    name: str
    pending: int
    idle: float
    """Seconds since it asked Redis for something."""


@dataclass(frozen=True)
class Overview:
    """Of entries, where no other unit is named."""

    length: int
    """In the stream: waiting and pending."""
    pending: int
    """With a relay, and not finished."""
    oldest_age: float
    """Seconds since the oldest of the stream was added, by the clock of Redis."""
    dead: int
    """Dead letters."""
    consumers: tuple[Consumer, ...]
    """The relays."""
    parked: int
    """Of the pending ones, those that no relay has: put aside for a host or a key in trouble."""
    delivered: int
    """Messages that Segment took, since the stream was made."""
    died: int
    """Messages that became dead letters, since then."""
    trimmed: int
    """Messages that a bound cost, since then."""
    memory: int
    """Bytes that the stream takes in Redis, about."""

    @property
    def lag(self) -> int:
        """Waiting for a relay. Finished entries are deleted, so that the stream has these and the pending ones."""
        return max(0, self.length - self.pending)


def look(client: redis.Redis, keys: Keys) -> Overview:
    """Ask Redis, in two round trips; waits cooperatively.

    Raises:
        redis.RedisError, OSError: as they come.
    """
    with client.pipeline(transaction=False) as pipe:
        pipe.xlen(keys.stream)
        pipe.xrange(keys.stream, count=1)
        pipe.xlen(keys.dead)
        pipe.hgetall(keys.counts)
        pipe.time()
        pipe.memory_usage(keys.stream, samples=20)
        length, oldest, dead, counts, now, memory = _checked(pipe.execute(raise_on_error=False))
    known, pending = _group(client, keys)
    added = int(oldest[0][0].partition(b"-")[0]) / 1000 if oldest else 0.0
    return Overview(
        length=length,
        pending=pending,
        oldest_age=max(0.0, now[0] + now[1] / 1e6 - added) if oldest else 0.0,
        dead=dead,
        consumers=tuple(each for each in known if each.name != PARKED),
        parked=sum(each.pending for each in known if each.name == PARKED),
        delivered=int(counts.get(b"delivered", 0)),
        died=int(counts.get(b"dead", 0)),
        trimmed=int(counts.get(b"trimmed", 0)),
        memory=memory or 0,
    )


def _checked(answers: list[Any]) -> list[Any]:
    """The answers; MEMORY USAGE, the last, may be forbidden where all else is not."""
    for answer in answers[:-1]:
        if isinstance(answer, Exception):
            raise answer
    return [*answers[:-1], None if isinstance(answers[-1], Exception) else answers[-1]]


def _group(client: redis.Redis, keys: Keys) -> tuple[tuple[Consumer, ...], int]:
    try:
        consumers = client.xinfo_consumers(keys.stream, GROUP)
        pending = client.xpending(keys.stream, GROUP)["pending"]
    except ResponseError as error:
        if str(error).startswith(("NOGROUP", "no such key")):
            return (), 0
        raise
    told = [Consumer(each["name"].decode(), int(each["pending"]), each["idle"] / 1000) for each in consumers]
    return tuple(sorted(told)), int(pending)


def local_time(entry_id: bytes) -> str:
    """When Redis took an entry, in this machine's zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(entry_id.partition(b"-")[0]) / 1000))
