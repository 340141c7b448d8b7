"""What to look for among the events: the filters of `GET /_/events`, read from its parameters and applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from segment_gevent.debugger.store import Event, EventStore

_DEFAULT_LIMIT = 100
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class QueryError(ValueError):
    """A parameter that is not understood; the text names it."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which events, and which slice of them. A filter that is None lets every event pass.

    `user` matches userId and anonymousId; `text` is looked for anywhere in the event's JSON, in any case; `since` is in
    unix seconds and includes that moment.
    """

    type: str | None = None
    event: str | None = None
    user: str | None = None
    valid: bool | None = None
    text: str | None = None
    since: float | None = None
    limit: int = _DEFAULT_LIMIT
    offset: int = 0

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> Query:
        """Read the parameters of a URL.

        Raises:
            QueryError: for an unknown parameter or a value that cannot be read.
        """
        unknown = sorted(parameters.keys() - _READERS.keys())
        if unknown:
            raise QueryError(f"unknown parameter {unknown[0]!r}; known are {', '.join(_READERS)}")
        values = {name: _READERS[name](name, value) for name, value in parameters.items() if value != ""}
        return cls(**values)  # type: ignore[arg-type]  # each reader gives its field's type

    def matches(self, event: Event) -> bool:
        """True when the event passes every filter."""
        return (
            (self.type is None or event.type == self.type)
            and (self.event is None or event.event == self.event)
            and (self.user is None or self.user in (event.user_id, event.anonymous_id))
            and (self.valid is None or event.valid is self.valid)
            and (self.since is None or event.received_at >= self.since)
            and (self.text is None or self.text in event.message.decode().casefold())
        )

    def select(self, store: EventStore) -> tuple[list[Event], int]:
        """The asked slice of the matching events, newest first, and how many match in all."""
        found = [event for event in store if self.matches(event)]
        return found[self.offset : self.offset + self.limit], len(found)


def timestamp(seconds: float) -> str:
    """Unix seconds as Segment writes a time: `2026-11-23T15:19:40.388Z`."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> float:
    """An ISO 8601 date and time with its zone (`Z` or an offset) in unix seconds.

    Raises:
        ValueError: for anything else, a time without a zone included.
    """
    # datetime.fromisoformat learned `Z` only in Python 3.11.
    moment = datetime.fromisoformat(f"{text[:-1]}+00:00" if text[-1:] in ("Z", "z") else text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone in {text!r}")
    return moment.timestamp()


def _text(_name: str, value: str) -> str:
    return value


def _folded(_name: str, value: str) -> str:
    return value.casefold()


def _flag(name: str, value: str) -> bool:
    try:
        return _FLAGS[value.lower()]
    except KeyError:
        raise QueryError(f"{name} is true or false, not {value!r}") from None


def _count(name: str, value: str) -> int:
    try:
        count = int(value)
    except ValueError:
        raise QueryError(f"{name} is a whole number, not {value!r}") from None
    if count < 0:
        raise QueryError(f"{name} is not negative, as {value!r} is")
    return count


def _moment(name: str, value: str) -> float:
    try:
        return parse_time(value)
    except ValueError:
        raise QueryError(f"{name} is an ISO 8601 time with its zone, not {value!r}") from None


_READERS: dict[str, Callable[[str, str], object]] = {
    "type": _text,
    "event": _text,
    "user": _text,
    "valid": _flag,
    "text": _folded,
    "since": _moment,
    "limit": _count,
    "offset": _count,
}
