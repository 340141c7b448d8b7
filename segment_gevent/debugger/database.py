"""The events in SQLite: its schema, its file and its statements. Blocks, and knows no gevent.

Each statement gives all its rows in one step. Python lets go of its lock at every step, and takes milliseconds to get
it back from a greenlet that is busy: row by row, 1,000 events took five seconds.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from segment_gevent.debugger.event import Event

# "sgdb" and the version of the schema, in the header of the file.
APPLICATION_ID = 0x73676462
SCHEMA_VERSION = 1
_ROWS_A_STATEMENT = 1000

_SCHEMA = f"""
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    event TEXT,
    user_id TEXT,
    anonymous_id TEXT,
    previous_id TEXT,
    message_id TEXT,
    problems TEXT,      -- a JSON list; NULL where nothing is wrong
    received_at REAL NOT NULL,
    batch INTEGER NOT NULL,
    duplicate INTEGER NOT NULL,
    retry INTEGER NOT NULL,
    folded TEXT,        -- the message without regard to case, where it is not ASCII, with which LIKE can deal by itself
    message BLOB NOT NULL
);
CREATE INDEX by_user ON events (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX by_visitor ON events (anonymous_id) WHERE anonymous_id IS NOT NULL;
CREATE INDEX by_previous ON events (previous_id) WHERE previous_id IS NOT NULL;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""
_COLUMNS = 14
_SHOWN = "id, CAST(message AS TEXT), problems, duplicate, received_at, batch, retry"


class DatabaseError(Exception):
    """The file cannot be used; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An event as it was kept: what is shown of it."""

    id: int
    message: bytes
    problems: list[str]
    duplicate: bool
    received_at: float
    batch: int
    retry: int


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition in SQL on the table `events`, and the values for its question marks."""

    sql: str = "1"
    values: tuple[object, ...] = ()


class Database:
    """One connection, which one thread at a time may use. In memory where `path` is None.

    Raises:
        DatabaseError: the file cannot be opened, is another program's, or is in use.
    """

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        try:
            if path is not None:
                # Events tell of people: a file that is made is for its owner alone.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._sqlite = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False, timeout=1)
            self._set_up()
        except (OSError, sqlite3.Error) as error:
            raise DatabaseError(f"cannot keep events in {path}: {error}") from error

    def _set_up(self) -> None:
        # Exclusive: a second server on the file is told so, instead of mixing its ids into it.
        self._sqlite.execute("PRAGMA locking_mode = EXCLUSIVE")
        (application,), (version,) = self._one("PRAGMA application_id"), self._one("PRAGMA user_version")
        (tables,) = self._one("SELECT count(*) FROM sqlite_master")
        if application != APPLICATION_ID and (application or tables):
            raise DatabaseError(f"{self.path} is a database of another program; it was left as it is")
        if application == APPLICATION_ID and version != SCHEMA_VERSION:
            raise DatabaseError(
                f"{self.path} has format {version}, and this version of segment-gevent {SCHEMA_VERSION}"
            )
        self._sqlite.execute("PRAGMA journal_mode = WAL")
        self._sqlite.execute("PRAGMA synchronous = NORMAL")
        if not tables:
            self._sqlite.executescript(f"BEGIN;{_SCHEMA}COMMIT;")

    def close(self) -> None:
        """Close the file. Safe twice."""
        self._sqlite.close()

    def write(self, events: Sequence[Event], floor: int) -> None:
        """Add the events, and delete those whose id is below `floor`, in one transaction.

        Raises:
            DatabaseError: none of it was done.
        """
        try:
            with self._sqlite:
                self._sqlite.execute("BEGIN IMMEDIATE")
                for start in range(0, len(events), _ROWS_A_STATEMENT):
                    part = events[start : start + _ROWS_A_STATEMENT]
                    self._sqlite.execute(_insert(len(part)), [value for event in part for value in _row(event)])
                self._sqlite.execute("DELETE FROM events WHERE id < ?", (floor,))
        except sqlite3.Error as error:
            raise DatabaseError(f"cannot keep events in {self.path}: {error}") from error

    def count(self, wanted: Filter) -> int:
        """How many events pass the filter."""
        (count,) = self._one(f"SELECT count(*) FROM events WHERE {wanted.sql}", wanted.values)  # noqa: S608
        return int(count)

    def select(self, wanted: Filter, limit: int, offset: int = 0, *, oldest_first: bool = False) -> list[Kept]:
        """A slice of the events that pass the filter, newest first unless asked otherwise."""
        order = "ASC" if oldest_first else "DESC"
        inner = f"SELECT * FROM events WHERE {wanted.sql} ORDER BY id {order} LIMIT ? OFFSET ?"  # noqa: S608
        rows = self._packed(_SHOWN, inner, (*wanted.values, limit, offset))
        kept = [_kept(row) for row in rows]
        return sorted(kept, key=lambda event: event.id, reverse=not oldest_first)

    def people(self, wanted: Filter, limit: int) -> set[str]:
        """The ids of users and visitors in the events that pass the filter, from at most `limit` different triples."""
        columns = "user_id, anonymous_id, previous_id"
        inner = f"SELECT DISTINCT {columns} FROM events WHERE {wanted.sql} LIMIT ?"  # noqa: S608
        rows = self._packed(columns, inner, (*wanted.values, limit))
        return {each for row in rows for each in row if each}

    def events(self) -> Iterator[Event]:
        """Every event, oldest first, for who counts them anew."""
        columns = "id, message, type, event, user_id, anonymous_id, previous_id, message_id, problems, received_at"
        query = f"SELECT {columns}, batch, duplicate FROM events ORDER BY id"  # noqa: S608
        for row in self._sqlite.execute(query):
            number, message, kind, name, user, visitor, previous, message_id, problems, received, batch, again = row
            found = tuple(orjson.loads(problems)) if problems else ()
            yield Event(
                message, kind, name, user, visitor, message_id, found, received, batch, bool(again), previous, id=number
            )

    def _one(self, query: str, values: Sequence[object] = ()) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self._sqlite.execute(query, values).fetchone()
        return row

    def _packed(self, columns: str, inner: str, values: Sequence[object]) -> list[list[Any]]:
        query = f"SELECT json_group_array(json_array({columns})) FROM ({inner})"  # noqa: S608
        rows: list[list[Any]] = orjson.loads(self._one(query, values)[0])
        return rows


@lru_cache(maxsize=16)
def _insert(rows: int) -> str:
    row = f"({', '.join('?' * _COLUMNS)})"
    return f"INSERT INTO events VALUES {', '.join([row] * rows)}"  # noqa: S608


def _row(event: Event) -> tuple[object, ...]:
    return (
        event.id,
        event.type,
        event.event,
        event.user_id,
        event.anonymous_id,
        event.previous_id,
        event.message_id,
        orjson.dumps(event.problems).decode() if event.problems else None,
        event.received_at,
        event.batch,
        event.duplicate,
        event.retry,
        None if event.message.isascii() else event.message.decode().casefold(),
        event.message,
    )


def _kept(row: Sequence[Any]) -> Kept:
    number, message, problems, duplicate, received_at, batch, retry = row
    found = orjson.loads(problems) if problems else []
    return Kept(number, message.encode(), found, bool(duplicate), received_at, batch, retry)
