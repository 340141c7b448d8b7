"""What in a Redis's settings would lose entries, or keep a relay from its work: said once, when a relay begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import redis
from redis.exceptions import ResponseError

LEAST_VERSION = (6, 2)
"""XAUTOCLAIM came with it."""


def complaints(client: redis.Redis) -> list[str]:
    """A sentence for each; waits cooperatively. None where the user may not ask.

    Raises:
        redis.RedisError, OSError: as they come.
    """
    try:
        return list(judged(client.info()))
    except ResponseError:
        return []


def judged(info: Mapping[str, Any]) -> Iterator[str]:
    """What INFO gives away.

    >>> list(judged({"redis_version": "7.0.15", "maxmemory_policy": "noeviction", "aof_enabled": 1}))
    []
    """
    version = str(info.get("redis_version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers and numbers < LEAST_VERSION:
        yield f"Redis is {version}, and a relay needs {'.'.join(map(str, LEAST_VERSION))}"
    policy = info.get("maxmemory_policy")
    if policy is not None and policy != "noeviction" and not str(policy).startswith("volatile"):
        yield f"maxmemory-policy is {policy}: Redis may delete the whole stream to make room; it should be noeviction"
    if info.get("aof_enabled") == 0:
        yield "appendonly is off: what Redis has not saved is gone when it ends"
    # INFO has the number of good replicas where some are asked for, and only there.
    if info.get("role") == "master" and info.get("connected_slaves") and "min_slaves_good_slaves" not in info:
        yield "min-replicas-to-write is 0: a master that was left, and does not know, takes what the new one never has"
