"""What to look for among the events: the filters of `GET /_/events`, read from its parameters, as SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import orjson

from segment_gevent.debugger.clock import parse_time
from segment_gevent.debugger.database import Filter

DEFAULT_LIMIT = 100
# SQLite's largest whole number.
_MAX_COUNT = 2**63 - 1
NEWEST, OLDEST = "newest", "oldest"
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class QueryError(ValueError):
    """A parameter that is not understood; the text names it."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which events, and which slice of them. A filter that is None lets every event pass.

    `user` matches userId, anonymousId and previousId; `text` is looked for anywhere in the event's JSON, in any case;
    `since` and `until` are in unix seconds, the first includes its moment and the second does not; `after` and `upto`
    are ids, likewise the other way round; `type` is a JSON list of types.
    """

    type: str | None = None
    event: str | None = None
    user: str | None = None
    valid: bool | None = None
    duplicate: bool | None = None
    text: str | None = None
    since: float | None = None
    until: float | None = None
    after: int | None = None
    upto: int | None = None
    batch: int | None = None
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    order: str = NEWEST

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> Query:
        """Read the parameters of a URL; an empty one counts as left out.

        Raises:
            QueryError: for an unknown parameter or a value that cannot be read.
        """
        check_names(parameters, _READERS)
        values = {name: _READERS[name](name, value) for name, value in parameters.items() if value != ""}
        return cls(**values)  # type: ignore[arg-type]  # each reader gives its field's type

    def filter(self) -> Filter:
        """The events that pass every filter."""
        parts = [(_CONDITIONS[name], getattr(self, name)) for name in _CONDITIONS]
        given = [(sql, value) for sql, value in parts if value is not None]
        if not given:
            return Filter()
        values = tuple(value for sql, value in given for _ in range(sql.count("?")))
        return Filter(" AND ".join(f"({sql})" for sql, _ in given), values)

    def between(self, after: int, upto: int) -> Query:
        """The same for the events whose id is over `after` and at most `upto`."""
        after = after if self.after is None else max(after, self.after)
        upto = upto if self.upto is None else min(upto, self.upto)
        return replace(self, after=after, upto=upto)

    @property
    def oldest_first(self) -> bool:
        """True for `order=oldest`."""
        return self.order == OLDEST


def _text(_name: str, value: str) -> str:
    return value


def _list(_name: str, value: str) -> str:
    """Values with commas between them, as a JSON list."""
    return orjson.dumps(value.split(",")).decode()


def _pattern(_name: str, value: str) -> str:
    """The text as LIKE looks for it, which knows case in ASCII alone: the rest is compared folded."""
    escaped = re.sub(r"([%_\\])", r"\\\1", value.casefold())
    return f"%{escaped}%"


def _flag(name: str, value: str) -> bool:
    try:
        return _FLAGS[value.lower()]
    except KeyError:
        raise QueryError(f"{name} is true or false, not {value!r}") from None


def check_names(parameters: Iterable[str], known: Collection[str]) -> None:
    """
    Raises:
        QueryError: for the first parameter that is not known.
    """
    for name in parameters:
        if name not in known:
            raise QueryError(f"unknown parameter {name!r}; known are {', '.join(known)}")


def whole(name: str, value: str) -> int:
    """The whole number of a parameter, at most SQLite's largest.

    Raises:
        QueryError: it is none.
    """
    try:
        count = int(value)
    except ValueError:
        raise QueryError(f"{name} is a whole number, not {value!r}") from None
    if not 0 <= count <= _MAX_COUNT:
        raise QueryError(f"{name} is a whole number from 0 on, not {value!r}")
    return count


def _order(name: str, value: str) -> str:
    if value not in (NEWEST, OLDEST):
        raise QueryError(f"{name} is {NEWEST} or {OLDEST}, not {value!r}")
    return value


def _moment(name: str, value: str) -> float:
    try:
        # The plus of an offset, left as it is in a URL, is a space.
        return parse_time(re.sub(r" (\d\d:?\d\d)$", r"+\1", value))
    except ValueError:
        raise QueryError(f"{name} is an ISO 8601 time with its zone, not {value!r}") from None


_READERS: dict[str, Callable[[str, str], object]] = {
    "type": _list,
    "event": _text,
    "user": _text,
    "valid": _flag,
    "duplicate": _flag,
    "text": _pattern,
    "since": _moment,
    "until": _moment,
    "after": whole,
    "upto": whole,
    "batch": whole,
    "limit": whole,
    "offset": whole,
    "order": _order,
}

_CONDITIONS = {
    "type": "type IN (SELECT value FROM json_each(?))",
    "event": "event = ?",
    "user": "user_id = ? OR anonymous_id = ? OR previous_id = ?",
    "valid": "(problems IS NULL) = ?",
    "duplicate": "duplicate = ?",
    "text": r"coalesce(folded, CAST(message AS TEXT)) LIKE ? ESCAPE '\'",
    "since": "received_at >= ?",
    "until": "received_at < ?",
    "after": "id > ?",
    "upto": "id <= ?",
    "batch": "batch = ?",
}
