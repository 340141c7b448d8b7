"""What a relay says about the settings of its Redis."""

from __future__ import annotations

from pathlib import Path
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
        ({"role": "master", "connected_slaves": 2}, ["min-replicas-to-write is 0"]),
        ({"role": "master", "connected_slaves": 2, "min_slaves_good_slaves": 2}, []),
        ({"role": "master", "connected_slaves": 0}, []),
    ],
)
def test_what_would_lose_entries_is_said(info: dict[str, Any], words: list[str]) -> None:
    """A stream has no expiry, so that only `allkeys-…` policies may delete it."""
    said = list(judged(info))
    assert len(said) == len(words)
    assert all(line.startswith(word) for line, word in zip(said, words, strict=True))


def test_a_master_is_known_by_its_replicas(tmp_path: Path) -> None:
    """As a real one tells of itself, before and after it is told to want some."""
    with RedisServer(tmp_path / "one", "--appendonly", "yes") as master, RedisServer(tmp_path / "two") as replica:
        with replica.client() as client:
            client.replicaof("127.0.0.1", master.port)
        master.wait_until(lambda client: client.info("replication")["connected_slaves"] == 1)
        with master.client() as client:
            (said,) = complaints(client)
            assert said.startswith("min-replicas-to-write is 0")
            client.config_set("min-replicas-to-write", 1)
            assert complaints(client) == []


def test_it_asks_redis(redis_server: RedisServer) -> None:
    """And says nothing where it may not."""
    with redis_server.client() as client:
        assert complaints(client) == ["appendonly is off: what Redis has not saved is gone when it ends"]
        client.execute_command("ACL", "SETUSER", "less", "on", ">pw", "~*", "-@all", "+@stream")
    with redis_server.client(username="less", password="pw") as client:
        assert complaints(client) == []
