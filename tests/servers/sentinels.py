"""A Redis that fails over: a master with replicas and the sentinels that watch it, all on free ports."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import redis
from servers.ports import free_port
from servers.program import Process
from servers.redis_server import RedisServer

SERVICE = "fleet"

DOWN_AFTER = 1_000
"""Milliseconds without an answer until a sentinel takes a Redis for dead: on a busy machine 300 were too few."""


class Sentinel:
    """One of them, within a context."""

    def __init__(self, folder: Path, master: RedisServer, quorum: int) -> None:
        self.port = free_port()
        self._file = folder / f"sentinel-{self.port}.conf"  # sentinels write what they learn into it
        self._file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} {quorum}\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER}\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
            f"sentinel parallel-syncs {SERVICE} 2\n"
        )
        self._process: Process | None = None

    def start(self) -> None:
        self._process = Process(["redis-server", str(self._file), "--sentinel"])
        self._process.line("Sentinel ID is")

    def kill(self) -> None:
        if self._process is not None:
            self._process.__exit__()
            self._process = None

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, protocol=2, decode_responses=True)

    def knows(self) -> dict[str, int | str]:
        """What it says of the master."""
        with self.client() as client:
            told = dict(client.sentinel_master(SERVICE))
            return {"master": int(told["port"]), "replicas": told["num-slaves"], "others": told["num-other-sentinels"]}


class Sentinels:
    """A context manager, within which all of them run.

    Args:
        folder: for their data.
        arguments: of each Redis, as on its command line.
    """

    def __init__(self, folder: Path, *arguments: str, replicas: int = 2, sentinels: int = 3) -> None:
        folder.mkdir(exist_ok=True)
        quick = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", *arguments)
        first = RedisServer(folder / "redis-0", *quick)
        follow = ("--replicaof", f"127.0.0.1 {first.port}")
        self.servers = [first] + [
            RedisServer(folder / f"redis-{number + 1}", *quick, *follow) for number in range(replicas)
        ]
        self.sentinels = [Sentinel(folder, first, sentinels // 2 + 1) for _ in range(sentinels)]

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{places}/{SERVICE}/0"

    @property
    def master(self) -> RedisServer:
        """By the first sentinel's word."""
        port = self.sentinels[0].knows()["master"]
        return next(server for server in self.servers if server.port == port)

    def fail_over(self) -> None:
        """Kill the master, and wait until all sentinels name another."""
        old = self.master
        old.kill()
        self._wait(lambda: all(sentinel.knows()["master"] != old.port for sentinel in self.sentinels))

    def demote(self) -> None:
        """Have the sentinels make another the master, while the old one runs on; until the others follow."""
        old = self.master.port
        with self.sentinels[0].client() as client:
            client.sentinel_failover(SERVICE)
        self._wait(lambda: all(sentinel.knows()["master"] != old for sentinel in self.sentinels))
        self.master.wait_until(lambda client: _in_sync(client) >= len(self.servers) - 2)

    def __enter__(self) -> Sentinels:
        try:
            for server in self.servers:
                server.start()
            replicas = len(self.servers) - 1
            self.servers[0].wait_until(lambda client: _in_sync(client) == replicas)
            for sentinel in self.sentinels:
                sentinel.start()
            everybody = {"replicas": replicas, "others": len(self.sentinels) - 1}
            self._wait(lambda: all(everybody.items() <= each.knows().items() for each in self.sentinels))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        for process in [*self.sentinels, *self.servers]:
            process.kill()

    def _wait(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline, [sentinel.knows() for sentinel in self.sentinels]
            time.sleep(0.02)


def _in_sync(client: redis.Redis) -> int:
    told = client.info("replication")
    return sum(told[f"slave{number}"]["state"] == "online" for number in range(told["connected_slaves"]))
