"""One spool file: the messages of one process in a SQLite database that one process at a time has open."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from segment_gevent.delivery.spool.database import (
    SpoolFileError,
    close,
    connect,
    delete_files,
    draft_of,
    is_gone,
    move_aside,
    schema_after,
    schema_of,
    translated,
)

APPLICATION_ID = 0x53674776
"""What tells our files from any other SQLite file: `SgGv`."""

STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, held INTEGER NOT NULL, created INTEGER NOT NULL,"
        " crc INTEGER NOT NULL, body BLOB NOT NULL)",
        "CREATE INDEX free ON messages (id) WHERE held = 0",
    ),
)
"""What made each version of the schema from the one before; a file's version is how many it took.

`id` is the message's ordinal in its process, `held` 1 while that process has it in memory too, `created` in
milliseconds since 1970, `crc` the body's CRC-32: SQLite does not notice when a body changes under it.
"""

PAGE = 4096

NO_ID = -(2**63)
"""Below every id."""

VACUUM_PAGES = 256
"""How many free pages go back to the file system at once: a megabyte, some 2 ms."""

SALVAGE_ROWS = 500

T = TypeVar("T")


class Record(NamedTuple):
    """A row."""

    id: int
    held: bool
    created: int
    """Milliseconds since 1970."""
    body: bytes | None
    """None when it is not what was stored."""


class Journal:
    """A spool file. Every method blocks, and raises SpoolError, leaving the rows as they were; some never raise."""

    def __init__(
        self,
        path: Path,
        *,
        is_synced: bool = False,
        wal_pages: int = 1000,
        is_read_only: bool = False,
        steps: tuple[tuple[str, ...], ...] = STEPS,
    ) -> None:
        """Name the file; it is opened at the first use, unless `make` or `open` did.

        With `is_read_only` it may be open in another process, which goes on undisturbed. Else a new row survives the
        kill of the process, and if `is_synced`, for an fsync each time, that of the machine; and the write-ahead log is
        moved into the file when it has `wal_pages`.
        """
        self.path = path
        self._is_read_only = is_read_only
        self._is_synced = is_synced
        self._wal_pages = wal_pages
        self._steps = steps
        self._inode = 0
        self._connection: sqlite3.Connection | None = None

    def make(self) -> None:
        """Make and open the file, which must not be there yet."""
        with translated(self.path):
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                os.fchmod(fd, 0o600)  # SQLite gives -wal and -shm the mode of the file itself, whatever the umask
            finally:
                os.close(fd)
        self.open()

    def open(self) -> None:
        """Open the file and bring it to the version that `steps` end in.

        Raises:
            SpoolFileError: the file is at fault.
            SpoolError: the disk is.
        """
        with translated(self.path):
            self._connection = connect(self.path, mode="ro" if self._is_read_only else "rw")
            try:
                self._inode = os.stat(self.path).st_ino
                self._set_up()
            except BaseException:
                self.close()
                raise

    def count(self, *, held: bool) -> int:
        """How many messages there are; reads the whole file for the held ones, the index for the free ones."""
        return self._number(f"SELECT count(*) FROM messages WHERE held = {held:d}")  # noqa: S608

    def size(self) -> int:
        """Bytes of the file, when what is in its log was moved there."""
        return self._number("PRAGMA page_count") * PAGE

    def used(self) -> int:
        """Its size, but for its free pages."""
        return self.size() - self._number("PRAGMA freelist_count") * PAGE

    @property
    def is_in_place(self) -> bool:
        """Whether the file is still where it was opened, and not deleted or replaced."""
        try:
            return os.stat(self.path).st_ino == self._inode
        except OSError:
            return False

    # Rows.

    def insert(self, messages: Iterable[tuple[int, bytes]], *, held: bool, created: int) -> None:
        """Store (ordinal, body) pairs, all or none; an ordinal that is there already is replaced."""
        self._insert((ordinal, held, created, zlib.crc32(body), body) for ordinal, body in messages)

    def delete(self, ids: Iterable[int]) -> int:
        """Delete these rows; how many there were."""
        with translated(self.path), self._transaction():
            return self._db.executemany("DELETE FROM messages WHERE id = ?", ((row_id,) for row_id in ids)).rowcount

    def delete_held(self, first: int, end: int) -> int:
        """Delete the held rows with first <= id < end; how many there were."""
        return self._change("DELETE FROM messages WHERE id >= ? AND id < ? AND held = 1", first, end)

    def let_go(self, first: int, end: int) -> int:
        """Make the held rows with first <= id < end free; how many there were."""
        return self._change("UPDATE messages SET held = 0 WHERE id >= ? AND id < ? AND held = 1", first, end)

    def hold(self, first: int, end: int) -> int:
        """Make the free rows with first <= id < end held; how many there were."""
        return self._change("UPDATE messages SET held = 1 WHERE id >= ? AND id < ? AND held = 0", first, end)

    def oldest(
        self, *, messages: int, size: int, held: bool | None = None, skip: Collection[int] = (), after: int = NO_ID
    ) -> list[Record]:
        """The rows with the lowest ids beyond `after`: all, the held or the free ones, but for `skip`.

        At most `messages` of them with at most `size` bytes, but one if there is one.
        """
        query = f"SELECT * FROM messages WHERE id > ?{'' if held is None else f' AND held = {held:d}'} ORDER BY id"  # noqa: S608
        found: list[Record] = []
        with translated(self.path), closing(self._db.execute(query, (after,))) as rows:
            for row in rows:
                if row[0] in skip:
                    continue
                size -= len(row[4]) if isinstance(row[4], bytes) else 0
                if found and (size < 0 or len(found) >= messages):
                    break
                found.append(_record(row))
        return found

    def shrink(self, *, spare: float = 0.25) -> None:
        """Give free pages back to the file system, but for this part of the file, and a megabyte if it is not 0."""
        free = before = self._number("PRAGMA freelist_count")
        while free > max(spare * self._number("PRAGMA page_count"), VACUUM_PAGES if spare else 0):
            with translated(self.path):
                # A row without columns for each page: `execute` would end after the first.
                self._db.executescript(f"PRAGMA incremental_vacuum({min(VACUUM_PAGES, self._wal_pages)})")
            free, was = self._number("PRAGMA freelist_count"), free
            if free == was:  # a file that was not made here
                break
        if free < before:
            with translated(self.path):  # what makes the file shorter
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    # The file.

    def close(self) -> None:
        """Close the file. Never raises."""
        if self._connection is not None:
            close(self._connection)
            self._connection = None
            if self._is_read_only and is_gone(self.path):
                delete_files(self.path)  # what SQLite made beside it, for us, after its owner had deleted it

    def destroy(self) -> None:
        """Close and delete the file. Never raises."""
        self.close()
        delete_files(self.path)

    def replace(self, name: Path, *, salvage: bool) -> int:
        """Put another file in the bad one's place, with what can be read of it, and name that `name`; so many rows.

        If it fails, on a full disk for example, the bad file is where it was, and the journal is closed.
        """
        self.close()
        draft = Journal(draft_of(self.path), wal_pages=self._wal_pages, steps=self._steps)
        delete_files(draft.path)
        draft.make()
        saved = 0
        try:
            for rows in _chunks(_salvageable(self.path) if salvage else (), SALVAGE_ROWS):
                draft._insert(rows)
                saved += len(rows)
        except BaseException:
            draft.destroy()
            raise
        draft.close()
        move_aside(self.path, name)
        self.recover()
        self.open()
        return saved

    def recover(self) -> None:
        """If a crash came between the two renames of `replace`, do the second."""
        with translated(self.path), suppress(FileNotFoundError):
            if not self.path.exists():
                os.replace(draft_of(self.path), self.path)

    def _set_up(self) -> None:
        version = _checked_version(self._db, self.path, self._steps)
        if self._is_read_only:
            return
        pragmas = [
            "journal_mode = WAL",
            f"synchronous = {'FULL' if self._is_synced else 'NORMAL'}",
            f"wal_autocheckpoint = {self._wal_pages}",
            f"journal_size_limit = {self._wal_pages * PAGE}",
            "secure_delete = FAST",
        ]
        if version == 0:
            pragmas[:0] = [f"page_size = {PAGE}", "auto_vacuum = INCREMENTAL"]
        for pragma in pragmas:
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        if version < len(self._steps):
            with self._transaction():
                for statement in chain.from_iterable(self._steps[version:]):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version = {len(self._steps)}")

    # Statements.

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            raise

    def _insert(self, rows: Iterable[tuple[object, ...]]) -> None:
        with translated(self.path), self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?)", rows)

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            self.open()
        assert self._connection is not None
        return self._connection

    def _change(self, statement: str, *values: int) -> int:
        with translated(self.path):
            return self._db.execute(statement, values).rowcount

    def _number(self, statement: str) -> int:
        with translated(self.path):
            return int(self._db.execute(statement).fetchone()[0])


def _checked_version(db: sqlite3.Connection, path: Path, steps: tuple[tuple[str, ...], ...]) -> int:
    """The file's version, 0 when it is empty; its schema must be to the letter what we would have made."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    application = int(db.execute("PRAGMA application_id").fetchone()[0])
    schema = schema_of(db)
    if (version, application, schema) == (0, 0, []):
        return 0
    if application != APPLICATION_ID:
        raise SpoolFileError(f"spool {path}: not a spool file", reason="foreign")
    if version > len(steps):
        raise SpoolFileError(f"spool {path}: of the later version {version}", reason="newer")
    if schema != schema_after(tuple(chain.from_iterable(steps[:version]))):
        raise SpoolFileError(f"spool {path}: without the tables of a spool file", reason="foreign")
    return version


def _salvageable(path: Path) -> Iterator[tuple[object, ...]]:
    """What can be read of a broken file, from both ends, for the damage may be in the middle. Raises nothing."""
    with suppress(sqlite3.Error, OSError):
        db = connect(path)
        try:
            last = NO_ID
            for order in ("ASC", "DESC"):
                with suppress(sqlite3.Error, ValueError, MemoryError, OverflowError):
                    for row in db.execute(f"SELECT * FROM messages WHERE id > ? ORDER BY id {order}", (last,)):  # noqa: S608
                        if order == "ASC":
                            last = row[0]
                        if _record(row).body is not None:
                            yield row
        finally:
            close(db)


def cost(size: int) -> int:
    """Bytes of the file that a body of `size` bytes takes, about: rows don't share what is left of their pages."""
    rows_a_page = (PAGE - 12) // (size + 24)
    return PAGE // rows_a_page if rows_a_page else (size // (PAGE - 4) + 1) * PAGE


def _record(row: Sequence[Any]) -> Record:
    row_id, held, created, crc, body = row
    if isinstance(held, int) and isinstance(created, int) and isinstance(body, bytes) and zlib.crc32(body) == crc:
        return Record(row_id, bool(held), created, body)
    return Record(row_id, False, 0, None)


def _chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk
