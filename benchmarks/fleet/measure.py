"""Measures points: fills a stream as clients would, and has relays work it off."""

from __future__ import annotations

import random
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import orjson
import redis

from benchmarks.event import NAME, make
from benchmarks.fleet import processes
from benchmarks.fleet.points import Point
from segment_gevent.delivery.compression import gzipped
from segment_gevent.delivery.outbox.entry import GZIP, fields
from segment_gevent.delivery.outbox.keys import GROUP, Keys
from segment_gevent.redis_url import STREAM

AN_ENTRY = 100
"""Events: what a host with some 2,000 a second adds at a time, at the default `flush_at`."""

PERSISTENCE = ("--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0")

KEYS = Keys(STREAM)

MOST_SECONDS = 60.0
"""A point takes no longer."""


def measure(relays: int, encoding: str, events: int) -> Point:
    """One point, in half a minute or so."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(processes.Redis(folder / "redis", *PERSISTENCE))
        sink, url = stack.enter_context(processes.sink())
        assert server.process is not None
        client = stack.enter_context(server.client())
        empty, idle = _memory(client), server.process.cpu
        size = _fill(client, url, encoding, events)
        memory, filled = _memory(client) - empty, server.process.cpu
        client.set(KEYS.pause(url), 1)  # as after a 429, until all of them are up
        started = [stack.enter_context(processes.relay(server.url)) for _ in range(relays)]
        processes.until(lambda: _relays(client) == relays)
        client.delete(KEYS.pause(url))
        running = [*started, server.process, sink]
        processes.until(lambda: _delivered(client) > 0.1 * events, timeout=MOST_SECONDS)
        first = _delivered(client), time.monotonic(), [each.cpu for each in running]
        processes.until(lambda: _delivered(client) > 0.9 * events, timeout=MOST_SECONDS)
        last = _delivered(client), time.monotonic(), [each.cpu for each in running]
        processes.until(lambda: _delivered(client) >= events, timeout=MOST_SECONDS)
        wire, requests = _traffic(sink)
    done, seconds = last[0] - first[0], last[1] - first[1]
    *of_relays, of_redis, of_sink = (now - before for now, before in zip(last[2], first[2], strict=True))
    return Point(
        relays=relays,
        encoding=encoding,
        throughput=round(done / seconds),
        cores=round((sum(of_relays) + of_redis + of_sink) / seconds, 3),
        relay_cores=round(sum(of_relays) / seconds, 3),
        relay_cpu=sum(of_relays) / done,
        redis_in_cpu=(filled - idle) / events,
        redis_out_cpu=of_redis / done,
        sink_cpu=of_sink / done,
        memory=round(memory / events, 1),
        wire=round(wire / events, 1),
        size=round(size / events, 1),
        a_request=round(events / requests, 1),
        an_entry=AN_ENTRY,
    )


def _fill(client: redis.Redis, host: str, encoding: str, events: int) -> int:
    """Add the events; their bytes."""
    total = 0
    for start in range(0, events, AN_ENTRY):
        messages = list(_messages(start, min(AN_ENTRY, events - start)))
        body = b"\n".join(messages)
        total += len(body) + 1
        entry = fields(
            write_key="key",
            host=host,
            body=gzipped(body, level=1, between=lambda: None) if encoding == GZIP else body,
            encoding=encoding,
            count=len(messages),
            now=time.time(),
        )
        client.xadd(KEYS.stream, cast("dict[Any, Any]", entry))
    return total


def _messages(start: int, count: int) -> Iterator[bytes]:
    """Orders as in the other benchmarks, from visitors of whom no two are alike: gzip makes 70 bytes of one."""
    chance = random.Random(start)
    for number in range(start, start + count):
        made = make(number)
        yield orjson.dumps(
            {
                "type": "track",
                "anonymousId": str(uuid.UUID(int=chance.getrandbits(128))),
                "userId": made.user,
                "event": NAME,
                "properties": made.properties,
                "timestamp": f"2026-11-28T12:00:{number // 2000 % 60:02}.{number // 2 % 1000:03}Z",
                "messageId": f"MDEyMzQ1Njc4{number:010}",
                "context": {"ip": f"{chance.randrange(1, 224)}.{chance.randrange(256)}.{chance.randrange(256)}.7"},
            }
        )


def _delivered(client: redis.Redis) -> int:
    return int(cast("bytes | None", client.hget(KEYS.counts, "delivered")) or 0)


def _relays(client: redis.Redis) -> int:
    try:
        return len(cast("list[Any]", client.xinfo_consumers(KEYS.stream, GROUP)))
    except redis.ResponseError:  # no group yet
        return 0


def _memory(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


def _traffic(sink: processes.Process) -> tuple[int, int]:
    """Bytes on the wire, and requests."""
    counts = orjson.loads(sink.finish())
    return counts["size"], counts["requests"]
