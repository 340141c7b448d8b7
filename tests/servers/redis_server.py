"""A Redis for tests: Debian's, in a folder of its own and on a free port, which it keeps when it is started again."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import redis
from servers.ports import free_port
from servers.program import Process
from servers.requirements import lacking

SYNCED = ("--appendonly", "yes", "--appendfsync", "always")
"""What it takes, it has on disk."""


class RedisServer:
    """A context manager, within which it runs; one that was killed can be started again, with what it had on disk.

    Args:
        folder: for its data.
        arguments: as on its command line; `{port}` in one becomes the port.
        scheme: `rediss` where the arguments have it listen for TLS.
    """

    def __init__(self, folder: Path, *arguments: str, scheme: str = "redis", ports: str = "--port {port}") -> None:
        if shutil.which("redis-server") is None:
            lacking("redis-server")
        self._folder = folder
        self._arguments = arguments
        self._ports = ports
        self._process: Process | None = None
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"{scheme}://{self.address}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> RedisServer:
        self._folder.mkdir(exist_ok=True)
        command = ["redis-server", *self._ports.format(port=self.port).split(), "--bind", "127.0.0.1"]
        command += ["--dir", str(self._folder), "--save", "", "--loglevel", "notice", *self._arguments]
        self._process = Process(command)
        self._process.line("[Rr]eady to accept connections")
        return self

    def kill(self) -> None:
        """As a power cut would end it, but for what the operating system still had to write."""
        if self._process is not None:
            self._process.__exit__()
            self._process = None

    def signal(self, number: int) -> None:
        """SIGSTOP has it answer nobody, and SIGCONT everybody."""
        assert self._process is not None
        self._process.signal(number)

    def client(self, **options: Any) -> redis.Redis:
        """A plain client for looks from the test; each command has a connection of its own time."""
        return redis.Redis(host="127.0.0.1", port=self.port, protocol=2, **options)

    def wait_until(self, holds: Any, *, timeout: float = 20.0, database: int = 0) -> None:
        """Wait until `holds(client)` is true; looks every few milliseconds, since Redis tells nobody."""
        deadline = time.monotonic() + timeout
        with self.client(db=database) as client:
            while not holds(client):
                assert time.monotonic() < deadline, f"not within {timeout:g} s: {client.xlen('segment:outbox')} wait"
                time.sleep(0.005)

    def __enter__(self) -> RedisServer:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.kill()
