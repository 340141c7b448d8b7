"""What is in a spool directory, for people: files, their messages, and their end.

Works while processes use the directory, and needs no key. Everything blocks and may raise SpoolError.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from segment_gevent.delivery.spool.database import SpoolError
from segment_gevent.delivery.spool.directory import SpoolDirectory, SpoolFile
from segment_gevent.delivery.spool.journal import NO_ID, Journal
from segment_gevent.delivery.spool.ownership import Ownership

READ_ROWS = 500
READ_BYTES = 1 << 20


@dataclass(frozen=True)
class FileStatus:
    """One file of a spool."""

    path: Path
    scope: str
    """Which key and host its messages are for, as `scope_of` names them."""
    state: str
    """`"live"`: a process has it; `"left"`: for any to take over; `"newer"`: for a later version of this package;
    `"broken"`: set aside, or it can't be read."""
    size: int
    """Bytes, with all that belongs to it."""
    held: int
    """Messages that the live process also has in memory."""
    free: int
    """Messages that are here and nowhere else."""
    oldest: float | None
    """When the first of its messages came, in seconds since 1970."""


@dataclass(frozen=True)
class SpooledMessage:
    """One message on disk."""

    path: Path
    scope: str
    created: float
    """When it came, in seconds since 1970."""
    held: bool
    """Whether a live process has it in memory, too."""
    body: bytes


def status(directory: str | os.PathLike[str]) -> list[FileStatus]:
    """Every file of the spool, the oldest first; empty when there is no directory."""
    found = [_status_of(file) for file in SpoolDirectory(directory).files()]
    return [status for status in found if status is not None]


def messages(directory: str | os.PathLike[str], *, scope: str | None = None) -> Iterator[SpooledMessage]:
    """Every message that can be read, file by file, the oldest first; of one scope or of all.

    No file is kept open or locked between two of them for longer than it takes to read 500.
    """
    for file in _usable(directory, scope):
        after: int | None = NO_ID
        while after is not None:
            try:
                with _opened(file) as (journal, is_left):
                    records = journal.oldest(messages=READ_ROWS, size=READ_BYTES, after=after)
            except SpoolError:
                break
            after = records[-1].id if records else None
            for record in records:
                if record.body is not None:
                    is_held = record.held and not is_left
                    yield SpooledMessage(file.path, file.scope, record.created / 1000, is_held, record.body)


def purge(directory: str | os.PathLike[str], *, scope: str | None = None) -> int:
    """Delete the files that no living process has, of one scope or of all, broken ones too; so many messages.

    A later version's files stay: nobody here can say what goes with them.
    """
    purged = 0
    for file in SpoolDirectory(directory).files():
        if scope not in (None, file.scope):
            continue
        if file.is_broken:
            file.delete()
            continue
        status = _status_of(file)
        ownership = Ownership.take(file)
        if ownership is None:
            continue
        if status is not None and status.state != "newer":
            purged += status.held + status.free
            file.delete()
        ownership.give_back()
    return purged


def _usable(directory: str | os.PathLike[str], scope: str | None) -> list[SpoolFile]:
    files = SpoolDirectory(directory).files()
    return [file for file in files if file.exists and not file.is_broken and scope in (None, file.scope)]


def _status_of(file: SpoolFile) -> FileStatus | None:
    """None where a process that has drained it has deleted it meanwhile."""
    if not file.exists:
        return None
    state = "broken"
    if not file.is_broken:
        try:
            with _opened(file) as (journal, is_left):
                held, free = journal.count(held=True), journal.count(held=False)
                first = journal.oldest(messages=1, size=0)
            oldest = first[0].created / 1000 if first else None
            if is_left:
                held, free = 0, held + free
            return FileStatus(file.path, file.scope, "left" if is_left else "live", file.size, held, free, oldest)
        except SpoolError as error:
            if not file.exists:
                return None
            state = "newer" if error.reason == "newer" else state
    return FileStatus(file.path, file.scope, state, file.size, 0, 0, None)


@contextmanager
def _opened(file: SpoolFile) -> Iterator[tuple[Journal, bool]]:
    """The journal, and whether no living process has it, and so nobody else now."""
    ownership = Ownership.take(file)
    try:
        journal = Journal(file.path, is_read_only=ownership is None)
        try:
            journal.open()
            yield journal, ownership is not None
        finally:
            journal.close()
    finally:
        if ownership is not None:
            ownership.give_back()
