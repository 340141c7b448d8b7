"""Fixtures of the relay's tests: a Redis for each module, emptied for each test, and entries to put there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from servers.redis_server import RedisServer
from servers.segment_calls import message

from segment_gevent.delivery.outbox.entry import fields

Add = Callable[..., bytes]


@pytest.fixture
def add(redis_server: RedisServer) -> Iterator[Add]:
    """Adds an entry as a client does: messages by their numbers, or as they are given."""
    with redis_server.client() as client:

        def added(
            *numbers: int, host: str, write_key: str = "key", messages: Any = None, stream: str = "segment:outbox"
        ) -> bytes:
            given = messages or [message(number) for number in numbers]
            body = b"\n".join(orjson.dumps(each) for each in given)
            entry = fields(
                write_key=write_key, host=host, body=body, encoding="identity", count=len(given), now=time.time()
            )
            return client.xadd(stream, entry)

        yield added
