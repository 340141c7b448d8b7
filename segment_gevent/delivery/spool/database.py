"""A connection to a SQLite file that trusts nothing in it, and the one error that all of the spool raises.

No gevent, no threads, no clock.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from segment_gevent.errors import SegmentError

BUSY_TIMEOUT = 1.0
"""Seconds to wait for another's lock; only a person's `sqlite3` or a backup takes one: processes share no file."""

SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database, by the ends of the names."""


class SpoolError(SegmentError):
    """The disk did not do what was asked; what is on it stays, and a later try may succeed.

    Attributes:
        reason: what went wrong, as one word: `"full"` (disk, quota or file size), `"readonly"`, `"locked"`, `"open"`
            (no such directory, not our file), `"io"`, `"corrupt"`, `"foreign"` (not a spool file) or `"newer"` (of a
            later version).
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class SpoolFileError(SpoolError):
    """The file itself is at fault: `"corrupt"`, `"foreign"` or `"newer"`."""


_TEXTS = {"full": "full", "readonly": "readonly", "locked": "locked", "unable to open": "open", "disk i/o": "io"}
_ERRNOS = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EFBIG: "full",
    errno.EROFS: "readonly",
    errno.EACCES: "readonly",
    errno.EPERM: "readonly",
    errno.EIO: "io",
}


@contextmanager
def translated(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what SQLite and the file system raise about `path` into a SpoolError; an impossible value is corruption."""
    try:
        yield
    except OSError as error:
        reason = _ERRNOS.get(error.errno or 0, "open")
        raise SpoolError(f"spool {os.fspath(path)}: {error.strerror or error}", reason=reason) from error
    except (sqlite3.Error, sqlite3.Warning, MemoryError, ValueError, TypeError, OverflowError, SystemError) as error:
        reason = _reason(error)
        kind = SpoolFileError if reason == "corrupt" else SpoolError
        raise kind(f"spool {os.fspath(path)}: {error}", reason=reason) from error


def _reason(error: Exception) -> str:
    # By the text and not by `sqlite_errorcode`, which Python has from 3.11 on. What has none of these texts is a
    # malformed file (DatabaseError itself) or can't happen with a file of ours: "no such table", a failed constraint.
    if type(error) is sqlite3.OperationalError:
        text = str(error).lower()
        for part, reason in _TEXTS.items():
            if part in text:
                return reason
    return "corrupt"


_open: dict[sqlite3.Connection, tuple[int, tuple[int, int]]] = {}
"""Each connection's process and inode; a fork inherits those of its parent.

SQLite keeps such a table too. Having found a file in it that a parent opened, it takes no locks and shares memory that
another may cut short under it; so a child has to go round that table, which is safe since our own lock is taken first.
"""

_CAUTION = ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "temp_store = MEMORY")


def connect(path: Path, *, mode: str = "rw") -> sqlite3.Connection:
    """Open the file, which must exist; `mode` is `"rw"` or `"ro"`. Text comes as bytes, for a file may hold anything.

    Functions in its schema are not run, and it is not mapped into memory, where a file cut short would be a fault. A
    file that was open as this process was forked is opened without SQLite's locks and without shared memory.

    Raises:
        sqlite3.Error, SpoolError: it can't be opened, or is not a regular file of this user.
    """
    kind = os.lstat(path)
    if not stat.S_ISREG(kind.st_mode) or os.geteuid() not in (0, kind.st_uid):
        raise SpoolError(f"spool {path}: not a regular file of this user", reason="open")
    inode = (kind.st_dev, kind.st_ino)
    is_inherited = any(pid != os.getpid() and inode == opened for pid, opened in tuple(_open.values()))
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}{'&vfs=unix-none' if is_inherited else ''}",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=32,
    )
    _open[db] = (os.getpid(), inode)
    _count_reference(db, +1)
    try:
        db.text_factory = bytes
        # Before all others, for it says where the index of the write-ahead log is.
        for pragma in [*(["locking_mode = EXCLUSIVE"] if is_inherited else []), *_CAUTION]:
            db.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        close(db)
        raise
    return db


def close(db: sqlite3.Connection) -> None:
    """Close a connection of this process; SQLite moves the write-ahead log into the file first. Never raises."""
    with suppress(sqlite3.Error):
        db.close()
    del _open[db]
    _count_reference(db, -1)


def _count_reference(db: sqlite3.Connection, by: int) -> None:
    """Keep Python from finalising an open connection: a forked child, as it ends, would close its parent's file."""
    count = ctypes.pythonapi.Py_IncRef if by > 0 else ctypes.pythonapi.Py_DecRef
    count(ctypes.py_object(db))


def schema_of(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Everything that the file's schema defines, to the letter."""
    return db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name LIMIT 100").fetchall()


@lru_cache
def schema_after(statements: tuple[str, ...]) -> list[tuple[object, ...]]:
    """What `schema_of` says of a file that these statements made."""
    db = sqlite3.connect(":memory:")
    try:
        db.text_factory = bytes
        for statement in statements:
            db.execute(statement)
        return schema_of(db)
    finally:
        db.close()


def move_aside(path: Path, name: Path) -> None:
    """Rename a closed database and its log so that they still belong together.

    Raises:
        SpoolError: it can't be renamed.
    """
    with translated(path):
        os.replace(path, name)
        with suppress(FileNotFoundError):
            os.unlink(f"{path}-shm")
        for suffix in ("-wal", "-journal"):
            with suppress(FileNotFoundError):
                os.replace(f"{path}{suffix}", f"{name}{suffix}")


def draft_of(path: Path) -> Path:
    """Where what will replace the database at `path` is made."""
    return path.with_name(f"{path.name}.draft")


def is_gone(path: Path) -> bool:
    """Whether there is no database at `path`, nor what will become it; there will be none again."""
    # The draft becomes the database in one step, which may come between the first two looks.
    return not any(map(Path.exists, (path, draft_of(path), path)))


def delete_files(path: Path) -> None:
    """Delete a closed database and what belongs to it. Never raises."""
    for database in (path, draft_of(path)):
        for suffix in ("", *SIDE_FILES):
            with suppress(OSError):
                os.unlink(f"{database}{suffix}")
