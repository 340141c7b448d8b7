"""A real process for a test: started, listened to, bounded in time, and gone with all its children in the end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

import pytest

TESTS = Path(__file__).parent.parent
PROGRAMS = TESTS / "programs"
ROOT = TESTS.parent

LIMIT = 40.0
"""Seconds until a process that does not end by itself is ended, and its test fails."""

ERRORS = re.compile(
    r"Traceback|Error\b|Exception|LoopExit|finalized|[Aa]ssertion|Fatal|AF_UNSPEC|cannot switch|Blocking", re.IGNORECASE
)
"""What a process that is well never says."""

GUNICORNS_OWN = re.compile(r".*\[ERROR\] Worker \(pid:\d+\) was sent SIGTERM!\n")
"""gunicorn's master signals a worker twice, and says this if the second one meets the interpreter's end in it."""


class Ended(NamedTuple):
    """How a process ended, and all that it and its children said."""

    code: int
    output: str
    errors: str

    def check(self, *, code: int = 0) -> Ended:
        """Assert that it ended well: with this exit code, and without a word that looks like an error."""
        assert self.code == code, self
        assert not ERRORS.search(GUNICORNS_OWN.sub("", self.errors)), self.errors
        return self


class Process:
    """A command in a process group of its own; a context manager, at whose end the whole group is gone."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        # gunicorn's control socket is in it; two that make it in the same place at once don't always succeed.
        self._runtime = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **(environment or {})}
        variables["XDG_RUNTIME_DIR"] = self._runtime.name
        for name in ("SEGMENT_WRITE_KEY", "SEGMENT_HOST"):
            if name not in (environment or {}):
                variables.pop(name, None)
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=variables,
            cwd=ROOT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._said: dict[str, list[str]] = {"output": [], "errors": []}
        self._readers = [
            threading.Thread(target=self._read, args=(name, pipe), daemon=True)
            for name, pipe in (("output", self._process.stdout), ("errors", self._process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        """What was said on stdout until now."""
        return "".join(self._said["output"])

    @property
    def errors(self) -> str:
        """What was said on stderr until now."""
        return "".join(self._said["errors"])

    def line(self, pattern: str, *, timeout: float = 20.0) -> re.Match[str]:
        """Wait for text on either stream that matches; the first match.

        Raises:
            AssertionError: it did not come in time, or the process ended without it.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for lines in self._said.values():
                    if found := re.search(pattern, "".join(lines)):
                        return found
                is_over = not any(reader.is_alive() for reader in self._readers)
                assert not is_over, f"ended without {pattern!r}: {self._said}"
                assert self._changed.wait(deadline - time.monotonic()), f"no {pattern!r} yet: {self._said}"

    def signal(self, number: int) -> None:
        """Send a signal to the process alone, not to its children."""
        self._process.send_signal(number)

    def ended(self, limit: float = LIMIT) -> Ended:
        """Wait until the process and all its children have ended by themselves.

        Raises:
            AssertionError: they did not, within `limit` seconds; the text has the stacks of a Python program.
        """
        deadline = time.monotonic() + limit
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(limit)
        for reader in self._readers:
            reader.join(max(0.0, deadline - time.monotonic()))
        if self._process.poll() is None or any(reader.is_alive() for reader in self._readers):
            self._signal_group(signal.SIGABRT)  # with PYTHONFAULTHANDLER set, Python says where it is
            for reader in self._readers:
                reader.join(2.0)
            pytest.fail(f"{self._process.args} did not end within {limit:g} s: {self._said}")
        return Ended(self._process.returncode, "".join(self._said["output"]), self.errors)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_error: object) -> None:
        self._signal_group(signal.SIGKILL)
        self._process.wait()
        for reader in self._readers:
            reader.join(5.0)
        self._runtime.cleanup()

    def _signal_group(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _read(self, name: str, pipe: IO[str]) -> None:
        for line in pipe:
            with self._changed:
                self._said[name].append(line)
                self._changed.notify_all()
        pipe.close()
        with self._changed:
            self._changed.notify_all()


def program(name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Process:
    """Start a program of `tests/programs`."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(PROGRAMS / f"{name}.py"), *arguments]
    return Process(command, {"PYTHONFAULTHANDLER": "1", **(environment or {})})
