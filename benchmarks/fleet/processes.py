"""The processes of a fleet on this machine: Redis, its sentinels, relays and the sink; started here, and ended here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import redis

TICK = 1 / os.sysconf("SC_CLK_TCK")
"""Seconds of CPU."""


class Process:
    """A command, gone in the end."""

    def __init__(self, command: Sequence[str], **environment: str) -> None:
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
            text=True,
        )

    @property
    def cpu(self) -> float:
        """Seconds of CPU that it took, in user code and in the kernel."""
        fields = Path(f"/proc/{self._popen.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK

    def line(self) -> str:
        assert self._popen.stdout
        return self._popen.stdout.readline()

    def finish(self) -> str:
        """Close its standard input, and wait; the rest of what it says."""
        return self._popen.communicate(timeout=30)[0]

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def kill(self) -> None:
        """By SIGKILL."""
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe:
                pipe.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()


class Redis:
    """A Redis in a folder of its own, within a context; one that was killed starts again with what it had on disk."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        folder.mkdir(exist_ok=True)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self._command += ["--save", "", "--logfile", "redis.log", *arguments]
        self.process: Process | None = None

    def start(self) -> None:
        self.process = Process(self._command)
        until(self._answers)

    def client(self) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.port, protocol=2)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process = None

    def __enter__(self) -> Redis:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


@contextmanager
def sink() -> Iterator[tuple[Process, str]]:
    """What counts events and answers all requests; with its URL."""
    with Process([sys.executable, "-m", "benchmarks.sink"]) as process:
        yield process, f"http://127.0.0.1:{int(process.line())}"


def relay(url: str, *arguments: str) -> Process:
    """A relay of the stream at `url`, with the defaults but for a rate that is no bound here."""
    command = [sys.executable, "-m", "segment_gevent", "relay", "--listen", "", "--rate", "1000000"]
    return Process([*command, *arguments], SEGMENT_OUTBOX=url)


def until(holds: Callable[[], object], *, timeout: float = 30.0) -> None:
    """Look every few milliseconds until it holds.

    Raises:
        TimeoutError: it never did.
    """
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout:g} s")
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
