"""`segment-gevent spool`: what is in a spool directory, shown, saved or deleted, while workers use it or none does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import islice
from typing import IO

import orjson
from rich.console import Console
from rich.table import Table

from segment_gevent.delivery.spool import inventory
from segment_gevent.words import counted, printable

_WORDS = {"live": "live", "left": "left behind", "newer": "newer", "broken": "broken"}


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
    size = sum(file.size for file in files)
    console.print(f"{counted(total, 'message')} in {counted(len(files), 'file')}, {counted(size, 'byte')}")
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


def _line(message: inventory.SpooledMessage) -> str:
    return printable("  ".join(_fields(message)))


def _fields(message: inventory.SpooledMessage) -> Iterator[str]:
    try:
        yield datetime.fromtimestamp(message.created, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):  # in a damaged file
        yield "no such time       "
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
