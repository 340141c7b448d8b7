"""`segment-gevent spool`: what is in a spool directory, sent, saved or deleted, while workers use it or none does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import IO, Any

import gevent
import orjson
from rich.console import Console
from rich.table import Table

from segment_gevent import Client
from segment_gevent.delivery import inventory
from segment_gevent.delivery.spool import scope_of

LOOK_EVERY = 0.1
"""Seconds between two looks whether a replay is done."""

_WORDS = {"live": "live", "left": "left behind", "broken": "broken"}


def status(directory: str) -> int:
    """Print a line a file, the oldest first, and the totals. Returns the exit code."""
    console = Console(highlight=False)
    files = inventory.status(directory)
    if not files:
        console.print("The spool is empty.")
        return 0
    table = Table("file", "for", "state", "messages", "held", "bytes", "oldest", box=None)
    for file in files:
        table.add_row(
            file.path.name,
            file.scope[:8],
            _WORDS[file.state],
            f"{file.held + file.free:,}",
            f"{file.held:,}",
            f"{file.size:,}",
            "" if file.oldest is None else _age(time.time() - file.oldest),
        )
    console.print(table, soft_wrap=True)
    total = sum(file.held + file.free for file in files)
    console.print(f"{total:,} messages in {len(files):,} files, {sum(file.size for file in files):,} bytes")
    return 1 if any(file.state == "broken" for file in files) else 0


def show(directory: str, limit: int) -> int:
    """Print a line a message, the oldest of each file first. Returns the exit code."""
    console = Console(highlight=False, markup=False)
    messages = inventory.messages(directory)
    for message in islice(messages, limit):
        console.print(_line(message), soft_wrap=True)
    if next(messages, None) is not None:
        console.print(f"… and more; --limit shows more than {limit:,}")
    return 0


def export(directory: str, output: IO[bytes]) -> int:
    """Write every message as a line of JSON, as it would be sent. Returns how many."""
    count = 0
    for message in inventory.messages(directory):
        output.write(message.body + b"\n")
        count += 1
    output.flush()
    return count


def purge(directory: str) -> int:
    """Delete the files that no living process has. Returns how many messages went with them."""
    return inventory.purge(directory)


def replay(directory: str, write_key: str, host: str | None, timeout: float) -> int:
    """Send what ended processes left for this key and host, within `timeout` seconds. Returns the exit code.

    Raises:
        ConfigError: the key or the host can be none.
    """
    console = Console(highlight=False)
    refused: list[str] = []
    options: dict[str, Any] = {"spool_dir": directory, "log": False, **({"host": host} if host else {})}
    with Client(write_key, **options) as client:
        client.on_failure(lambda _data, error: refused.append(str(error)))
        scope = scope_of(write_key, client.options.host)
        targets = {file.path for file in inventory.status(directory) if file.scope == scope and file.state == "left"}
        deadline = time.monotonic() + timeout
        while (left := _messages_in(directory, targets)) and time.monotonic() < deadline:
            client.look()
            gevent.sleep(LOOK_EVERY)
        client.shutdown()
        replayed = client.stats.replayed
    console.print(f"replayed {replayed:,}")
    for error in dict.fromkeys(refused):
        console.print(f"refused: {error}", style="bold red", markup=False, soft_wrap=True)
    if left:
        console.print(f"left {left:,}, not delivered within {timeout:g} s", style="bold red")
    return 1 if left or refused else 0


def _messages_in(directory: str, paths: set[Path]) -> int:
    return sum(file.held + file.free for file in inventory.status(directory) if file.path in paths)


def _line(message: inventory.SpooledMessage) -> str:
    return "  ".join(_fields(message))


def _fields(message: inventory.SpooledMessage) -> Iterator[str]:
    yield datetime.fromtimestamp(message.created, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    try:
        body = orjson.loads(message.body)
        yield f"{body['type']:8}"
        yield str(body.get("event") or body.get("name") or body.get("groupId") or "-")
        yield str(body.get("userId") or body.get("anonymousId"))
        yield str(body["messageId"])
    except (ValueError, KeyError, TypeError, AttributeError):
        yield f"not a message: {message.body[:40]!r}"
    if message.held:
        yield "(a live process has it)"


def _age(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
