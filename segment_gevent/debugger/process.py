"""The local Segment in a process of its own, and what one asks of it: for tests and for the demo.

A process of its own has its own hub and its own greenlets, so nothing that the client under test does to its process
(block it, fork it, patch it) can bend what is reported about it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

import segment_gevent
from segment_gevent.debugger.connection import Connection

_STOP_TIMEOUT = 5.0
# Niceness. Beside the demo's shop on two cores it took the longest stall of its hub from some 17 ms to 5.
_GIVING_WAY = 15
_EVERYTHING = 1_000_000


class LocalSegment:
    """Runs `python -m segment_gevent.debugger`; a context manager.

    Every method but `start`, `stop` and `kill` waits cooperatively, so that a client in the same process goes on
    delivering. The server ends with this process, however that ends.

    Args:
        strict: answer 400 to what breaks a rule of the API.
        db: keep the events in this file.
        keep: the newest so many; 100,000 unless given.
        plan: hold the events against the tracking plan in this file; needs the extra `cli`.
        port: 0 takes a free one; after `start` it is the port in use, which a later `start` takes again.
        certfile, keyfile: serve https with this certificate chain and key, in PEM.
        cafile: the bundle that shows the certificate to be good.
    """

    def __init__(
        self,
        *,
        strict: bool = True,
        port: int = 0,
        db: str | os.PathLike[str] | None = None,
        keep: int | None = None,
        plan: str | os.PathLike[str] | None = None,
        certfile: str | os.PathLike[str] | None = None,
        keyfile: str | os.PathLike[str] | None = None,
        cafile: str | os.PathLike[str] | None = None,
    ) -> None:
        self.port = port
        self.url = ""
        self.cafile = None if cafile is None else os.fspath(cafile)
        self._options = ["--strict"] if strict else []
        given = {"--db": db, "--plan": plan, "--certfile": certfile, "--keyfile": keyfile}
        for flag, path in given.items():
            if path is not None:
                self._options += [flag, os.fspath(path)]
        if keep is not None:
            self._options += ["--keep", str(keep)]
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0

    def launch(self) -> LocalSegment:
        """Set the server going without waiting for it: `start` waits later."""
        self._process = start_module("segment_gevent.debugger", "--port", str(self.port), *self._options)
        self._owner = os.getpid()
        self.url = ""
        return self

    def start(self) -> LocalSegment:
        """Start the server, unless it runs; returns once it listens.

        Raises:
            RuntimeError: when it ends instead; its own words are on stderr.
        """
        if not self.running:
            self.launch()
        if not self.url and self._process is not None:
            self.url = read_address(self._process)
            self.port = int(self.url.rpartition(":")[2])
        return self

    @property
    def running(self) -> bool:
        """True between `start` and the end of the server."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The server's process, once `start` or `launch` was called; 0 before."""
        return 0 if self._process is None else self._process.pid

    def give_way(self) -> None:
        """Let other processes run first where there are fewer cores than work, so that what they measure is theirs."""
        if self._process is not None:
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _GIVING_WAY)

    def stop(self) -> None:
        """End the server, its connections with it. Safe twice, and in a forked child, where it does nothing."""
        if self._process is not None and self._owner == os.getpid():
            stop_process(self._process)

    def kill(self) -> None:
        """End the server as a crash would. `start` brings up an empty one on the same port."""
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            stop_process(self._process)

    def __enter__(self) -> LocalSegment:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def events(self, **filters: object) -> list[dict[str, Any]]:
        """The events that arrived, newest first: each `{"id", "message", "valid", "problems", "duplicate",
        "receivedAt", "batch", "retry"}`. Filters are those of `GET /_/events`, as
        `events(type="track", valid=False)`; all events unless `limit` says otherwise."""
        parameters = {"limit": _EVERYTHING, **filters}
        query = urlencode({name: _parameter(value) for name, value in parameters.items()})
        found: list[dict[str, Any]] = self.ask("GET", f"/_/events?{query}")["events"]
        return found

    def messages(self, **filters: object) -> list[dict[str, Any]]:
        """The messages alone, in the order in which they arrived."""
        return [event["message"] for event in reversed(self.events(**filters))]

    def summary(self) -> dict[str, Any]:
        """`{"total", "valid", "invalid", "duplicates", "requests", "byType", "byEvent"}` since the last reset."""
        counts: dict[str, Any] = self.ask("GET", "/_/summary")
        return counts

    def requests(self) -> list[dict[str, Any]]:
        """The requests in the order in which they came: each `{"number", "method", "path", "headers", "status",
        "size", "inflated", "count", "retryCount", "sentAt", "receivedAt", "problems", "fault"}`."""
        entries: list[dict[str, Any]] = self.ask("GET", f"/_/requests?limit={_EVERYTHING}")["requests"]
        return entries[::-1]

    def reset(self) -> None:
        """Forget events, requests and faults, and let go of held answers."""
        self.ask("POST", "/_/reset")

    def faults(self, faults: Sequence[dict[str, Any]]) -> None:
        """What goes wrong next: each `{"status", "headers", "delay", "hold", "drop", "times", "share"}`."""
        self.ask("PUT", "/_/faults", orjson.dumps(list(faults)))

    def release(self) -> int:
        """Let go of the answers that a `{"hold": True}` keeps back; returns how many."""
        return int(self.ask("POST", "/_/release")["released"])

    def wait_for(self, count: int = 0, *, requests: int = 0, held: int = 0, timeout: float = 20.0) -> None:
        """Wait until `count` distinct messages and `requests` requests have come and `held` answers are held back.

        Raises:
            TimeoutError: when that takes longer than `timeout` seconds; the text tells how far it got.
        """
        asked = {"count": count, "requests": requests, "held": held}
        query = urlencode({**asked, "timeout": timeout})
        counts = self.ask("GET", f"/_/wait?{query}", timeout=timeout + 10)
        if not counts.pop("reached"):
            raise TimeoutError(f"waited {timeout:g} s for {asked}, got {counts}; {self.summary()}")

    def ask(self, method: str, path: str, body: bytes | None = None, *, timeout: float = 60.0) -> Any:
        """One call of the control API; the decoded answer, None for an empty one.

        Raises:
            RuntimeError: when the server refuses it, with its reason.
            OSError: when the server cannot be reached.
        """
        with Connection(self.url, cafile=self.cafile, timeout=timeout) as connection:
            status, answer = connection.request(method, path, body)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer.decode(errors='replace')}")
        return orjson.loads(answer) if answer else None


def start_module(module: str, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start `python -m module` with a pipe to its input: it is to end when that ends, and so never outlives us."""
    root = str(Path(segment_gevent.__path__[0]).parent)
    variables = {**os.environ, **(environment or {})}
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [root, variables.get("PYTHONPATH")]))
    return subprocess.Popen(  # noqa: S603  # this Python and modules of ours
        [sys.executable, "-m", module, "--until-stdin-ends", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=variables,
        text=True,
    )


def read_address(process: subprocess.Popen[str]) -> str:
    """The line that a server prints when it is ready.

    Raises:
        RuntimeError: when it ends without one.
    """
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        stop_process(process)
        raise RuntimeError(f"{process.args!r} ended with {process.returncode} before it was ready")
    return line


def stop_process(process: subprocess.Popen[str]) -> None:
    """Ask it to end, insist after some seconds, and close the pipes. Safe twice."""
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _parameter(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
