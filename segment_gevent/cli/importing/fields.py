"""The fields: what a line may say, by the names of the API and of the calls, and how a value gets there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from math import isfinite
from typing import Any, NamedTuple

import orjson

from segment_gevent import ValidationError

Arguments = dict[str, Any]

NAMES = {
    "userId": "user_id",
    "anonymousId": "session_id",
    "sessionId": "session_id",
    "anonymous_id": "session_id",
    "groupId": "group_id",
    "previousId": "previous_id",
    "messageId": "message_id",
    "action": "type",
}
"""The API's names, and others, of what the calls take."""

SHARED = {"type", "user_id", "timestamp", "context", "integrations", "message_id"}
ARGUMENTS = {
    "identify": SHARED | {"session_id", "traits"},
    "track": SHARED | {"session_id", "event", "properties"},
    "page": SHARED | {"session_id", "name", "category", "properties"},
    "screen": SHARED | {"session_id", "name", "category", "properties"},
    "group": SHARED | {"session_id", "group_id", "traits"},
    "alias": SHARED | {"session_id", "previous_id"},
}
FIELDS = set().union(*ARGUMENTS.values())
NESTED = ("properties", "traits", "context", "integrations")

OF_SERVERS = frozenset(
    {"channel", "originalTimestamp", "projectId", "receivedAt", "sentAt", "version", "writeKey", "_metadata"}
)
"""What servers add to a message that they store: left out, since the next one adds its own."""

MILLISECONDS_FROM = 1e11
"""A time in numbers from here on is in milliseconds: in seconds it would be the year 5138."""

CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "text": str,
    "number": lambda value: _number(value),
    "boolean": lambda value: _boolean(value),
    "json": lambda value: orjson.loads(value),
    "as it is": lambda value: value,
}
TYPES_TOLD = ", ".join(kind for kind in CONVERSIONS if " " not in kind)


class ShapeError(Exception):
    """What was asked for with --map or --set can't be done; the text says why."""


class Step(NamedTuple):
    """Where a value goes.

    Attributes:
        argument: of the call.
        put: what puts it there; None where it goes in as it is.
    """

    argument: str
    put: Callable[[Arguments, Any], None] | None = None


LEFT_OUT = Step("", lambda _arguments, _value: None)


def step(field: str) -> Step:
    """Where a value goes that is for `field`: a name of the API or of the calls, maybe with a key and a type.

    Raises:
        ShapeError: there is no such field or type.
    """
    path, _, kind = field.partition(":")
    name, _, key = path.partition(".")
    name = NAMES.get(name, name)
    if name not in FIELDS:
        raise ShapeError(f"there is no field {name!r}")
    if key and name not in NESTED:
        raise ShapeError(f"{name} holds no {key!r}")
    if kind and kind not in TYPES_TOLD.split(", "):
        raise ShapeError(f"there is no type {kind!r}: {TYPES_TOLD}")
    if not kind and not key:
        return Step(name)
    convert = CONVERSIONS[kind or "as it is"]

    def put(arguments: Arguments, value: Any) -> None:
        try:
            value = convert(value)
        except (ValueError, TypeError):
            raise ValidationError(f"{path} must be {kind}") from None
        if key:
            _put_under(arguments, name, key, value)
        else:
            arguments[name] = value

    return Step(name, put)


def when(value: Any) -> Any:
    """A time as the client takes it: numbers, and texts of 10 or 13 digits, are seconds or milliseconds since 1970.

    Raises:
        ValidationError: a number is no time.
    """
    if isinstance(value, str):
        if len(value) not in {10, 13} or not (value.isascii() and value.isdigit()):
            return value
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        return datetime.fromtimestamp(value / 1000 if abs(value) >= MILLISECONDS_FROM else value, timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise ValidationError("timestamp is a number that is no time") from None


def _put_under(arguments: Arguments, name: str, key: str, value: Any) -> None:
    """`value` at the dotted `key` in the mapping `name`."""
    *parents, last = [name, *key.split(".")]
    inner = arguments
    for parent in parents:
        inner = inner.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ValidationError(f"{name} must be a mapping to hold {key}")
    inner[last] = value


def _number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = str(value)
    try:
        return int(text)
    except ValueError:
        number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


def _boolean(value: Any) -> bool:
    word = str(value).lower()
    if word not in {"true", "false", "1", "0", "yes", "no"}:
        raise ValueError(word)
    return word in {"true", "1", "yes"}
