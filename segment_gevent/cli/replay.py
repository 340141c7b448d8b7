"""`segment-gevent spool replay`: sends what ended processes left, and says what became of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import gevent
from rich.console import Console

from segment_gevent import Client, Options
from segment_gevent.cli.listener import Listener
from segment_gevent.delivery.spool import inventory
from segment_gevent.delivery.spool.store import scope_of
from segment_gevent.words import counted

LOOK_EVERY = 0.1
"""Seconds between two looks whether it is done."""


def replay(options: Options, within: float) -> int:
    """Send what is left for the key and host of `options`, within so many seconds. Returns the exit code.

    Raises:
        ConfigError: the options can't be used.
    """
    console = Console(highlight=False)
    run = Replay(options, within, console)
    run.send()
    lines = list(run.lines())
    for line, is_good in lines:
        console.print(line, style="" if is_good else "bold red", markup=False, soft_wrap=True)
    return 0 if all(is_good for _, is_good in lines) else 1


class Replay:
    """One run of the command: a client that sends nothing of its own, and what became of the messages."""

    def __init__(self, options: Options, within: float, console: Console) -> None:
        self._options = options
        self._within = within
        self._scope = scope_of(options.api_key, options.host)
        self._listener = Listener(console)
        self._is_known = False  # whether anything was there for this key and host
        self._delivered = 0
        self._refused: Counter[str] = Counter()

    def send(self) -> None:
        """Send until nothing is left, the time is up, or no later try could end better. Switches.

        Raises:
            ConfigError: the options can't be used.
        """
        files = [file for file in inventory.status(self._options.spool_dir) if file.scope == self._scope]
        self._is_known = bool(files)
        with self._listener, Client.from_options(self._options) as client:
            client.on_failure(lambda data, error: self._refused.update({str(error): len(data["batch"])}))
            self._look_until_gone(client, [file.path for file in files if is_for_us(file)])
        self._delivered = client.stats.replayed - self._refused.total()

    def _look_until_gone(self, client: Client, files: Iterable[Path]) -> None:
        """A file that nobody has is deleted with its last message."""
        deadline = time.monotonic() + self._within
        while any(file.exists() for file in files) and not self._listener.is_hopeless and time.monotonic() < deadline:
            client.look()
            gevent.sleep(LOOK_EVERY)

    def lines(self) -> Iterator[tuple[str, bool]]:
        """What is to be said, and whether each line is as it should be."""
        yield f"delivered {self._delivered:,}", True
        for error, messages in self._refused.items():
            yield f"refused {messages:,}: {error}", False
        files = inventory.status(self._options.spool_dir)
        left = sum(file.free for file in files if file.state == "left" and file.scope == self._scope)
        if left:
            why = self._listener.failure or f"not delivered within {self._within:g} s"
            yield f"left {left:,}: {why}", False
        others = sum(file.free for file in files if file.state == "left" and file.scope != self._scope)
        if others:
            are = "is" if others == 1 else "are"
            yield f"{counted(others, 'message')} {are} for another key or host", self._is_known


def is_for_us(file: inventory.FileStatus) -> bool:
    """Whether the store will take the file over, to send it or to save what can be read of it."""
    return file.state in {"left", "broken"} and file.path.suffix == ".db"
