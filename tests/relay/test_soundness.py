"""What a relay says about the settings of its Redis."""

from __future__ import annotations

from typing import Any

import pytest
from servers.redis_server import RedisServer

from segment_gevent.relay.soundness import complaints, judged


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({}, []),
        ({"redis_version": "6.2.0", "maxmemory_policy": "volatile-lru", "aof_enabled": 1}, []),
        ({"redis_version": "5.0.14"}, ["Redis is 5.0.14, and a relay needs 6.2"]),
        ({"redis_version": "unstable"}, []),
        ({"maxmemory_policy": "allkeys-lru"}, ["maxmemory-policy is allkeys-lru"]),
        ({"aof_enabled": 0}, ["appendonly is off"]),
    ],
)
def test_what_would_lose_entries_is_said(info: dict[str, Any], words: list[str]) -> None:
    """A stream has no expiry, so that only `allkeys-…` policies may delete it."""
    said = list(judged(info))
    assert len(said) == len(words)
    assert all(line.startswith(word) for line, word in zip(said, words, strict=True))


def test_it_asks_redis(redis_server: RedisServer) -> None:
    """And says nothing where it may not."""
    with redis_server.client() as client:
        assert complaints(client) == ["appendonly is off: what Redis has not saved is gone when it ends"]
        client.execute_command("ACL", "SETUSER", "less", "on", ">pw", "~*", "-@all", "+@stream")
    with redis_server.client(username="less", password="pw") as client:
        assert complaints(client) == []
