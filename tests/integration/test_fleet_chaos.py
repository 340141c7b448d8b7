"""Relays, hosts and Redis killed at random under load: nothing that Redis accepted is lost.

Redis is one node that syncs each write (`appendfsync always`), and the local Segment loses answers besides.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from servers.local_segment import LocalSegment
from servers.program import Process, program
from servers.redis_server import SYNCED, RedisServer
from servers.relays import relay_process

HOSTS, RELAYS = 3, 2
PROGRESS = 60
"""Messages that are accepted between two kills, at least."""


class Fleet:
    """Hosts and relays around one Redis, each replaced when it is killed."""

    def __init__(self, server: RedisServer, segment: LocalSegment, chance: random.Random, stack: ExitStack) -> None:
        self.redis = server
        self.kills = {"host": 0, "relay": 0, "redis": 0}
        self._segment = segment
        self._chance = chance
        self._stack = stack
        self._ended: list[Process] = []
        self._hosts = [self._host() for _ in range(HOSTS)]
        self._relays = [self._relay() for _ in range(RELAYS)]

    def accepted(self) -> set[str]:
        """The ids of what Redis has accepted, as the hosts said."""
        told = "".join(process.output for process in [*self._ended, *self._hosts])
        return set(told.split("\n")[:-1]) if told else set()

    def kill(self, kind: str) -> None:
        self.kills[kind] += 1
        if kind == "redis":
            self.redis.kill()
            self.redis.start()
            return
        processes, new = (self._hosts, self._host) if kind == "host" else (self._relays, self._relay)
        at = self._chance.randrange(len(processes))
        old, processes[at] = processes[at], new()
        old.__exit__()
        if kind == "host":
            self._ended.append(old)

    def progress(self) -> None:
        """Wait until more is accepted, and more of it has arrived."""
        accepted, delivered = len(self.accepted()), None

        def is_further(client: redis.Redis) -> bool:
            nonlocal delivered
            now = int(client.hget("{segment:outbox}:counts", "delivered") or 0)
            delivered = now if delivered is None else delivered
            return len(self.accepted()) >= accepted + PROGRESS and now > delivered

        self.redis.wait_until(is_further, timeout=40)

    def calm_down(self) -> None:
        """No more hosts; what is in the stream passes."""
        for host in self._hosts:
            host.__exit__()
        self.redis.wait_until(lambda client: not client.xlen("segment:outbox"), timeout=60)

    def _host(self) -> Process:
        name = f"host {self._chance.random()}"
        environment = {"SEGMENT_OUTBOX": self.redis.url}
        return self._stack.enter_context(
            program("fleet_host", "not-patched", self._segment.url, "", name, environment=environment)
        )

    def _relay(self) -> Process:
        return self._stack.enter_context(relay_process(self.redis.url, "--claim-after", "1", ready=False))


@pytest.mark.parametrize(
    ("seed", "kills"), [(1, 6), *(pytest.param(seed, 30, marks=pytest.mark.slow) for seed in range(2, 6))]
)
def test_nothing_that_redis_accepted_is_lost(
    segment_server: LocalSegment, tmp_path: Path, seed: int, kills: int, record_property: Callable[[str, object], None]
) -> None:
    """By messageId; what arrived more than once did so with the id that it had."""
    segment_server.faults([{"drop": "after", "share": 0.1, "times": None}])
    with RedisServer(tmp_path / "redis", *SYNCED) as server, ExitStack() as stack:
        chance = random.Random(seed)
        fleet = Fleet(server, segment_server, chance, stack)
        fleet.progress()
        deck = list(fleet.kills) * (kills // len(fleet.kills))
        chance.shuffle(deck)
        for kind in deck:
            fleet.kill(kind)
            fleet.progress()
        fleet.calm_down()
        accepted = fleet.accepted()
    arrived = [message["messageId"] for message in segment_server.messages()]
    summary = segment_server.summary()
    record_property(
        "said",
        f"chaos {seed}: {fleet.kills} killed, {len(accepted)} accepted, {summary['duplicates']} repeats, "
        f"{len(accepted - set(arrived))} lost",
    )
    assert accepted - set(arrived) == set()
    assert summary["invalid"] == 0
