"""A record as a call of the client: which name means what, what is left out, and the message's id. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import orjson

from segment_gevent import ValidationError
from segment_gevent.cli.importing.records import Record
from segment_gevent.events.message import TYPES

Setter = Callable[[dict[str, Any], Any], None]

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

ID_PREFIX = "import-"

CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "text": str,
    "number": lambda value: _number(value),
    "boolean": lambda value: _boolean(value),
    "json": lambda value: orjson.loads(value),
}


class ShapeError(Exception):
    """What was asked for with --map or --set can't be done; the text says why."""


class Shape:
    """Turns records into calls.

    Args:
        mapping: pairs `column=field`, where a field is a name of the API or of the calls, may have a key behind a dot
            (`properties.total`), and a type behind a colon (`:number`, `:boolean`, `:json`, `:text`); `column=` leaves
            the column out.
        constants: pairs `field=value` for lines that do not have the field.

    Raises:
        ShapeError: one of them is wrong.
    """

    def __init__(self, mapping: Sequence[str] = (), constants: Sequence[str] = ()) -> None:
        self._setters: dict[str, Setter | None] = dict.fromkeys(OF_SERVERS)
        self._constants: list[tuple[Setter, str, str]] = []
        for pair in mapping:
            column, _, field = _parted(pair)
            self._setters[column] = setter(field) if field else None
        for pair in constants:
            field, _, value = _parted(pair)
            self._constants.append((setter(field), field, value))
        given = orjson.dumps([sorted(mapping), sorted(constants)])
        self.fingerprint = hashlib.blake2b(given, digest_size=8).hexdigest()
        self._hash = hashlib.blake2b(self.fingerprint.encode(), digest_size=16)

    def check_columns(self, header: Iterable[str]) -> None:
        """Whether each column of a header means something.

        Raises:
            ShapeError: one does not.
        """
        for column in header:
            if column not in self._setters:
                try:
                    self._setters[column] = setter(column)
                except ShapeError as error:
                    raise ShapeError(
                        f"column {column!r} is no field: say --map {column!r}=properties.{column}, or another, "
                        f"or --map {column!r}= to leave it out"
                    ) from error

    def call(self, record: Record) -> tuple[str, dict[str, Any]]:
        """Which call a record makes, and with which arguments; its message's id among them.

        Raises:
            ValidationError: it makes none; the text names the field.
        """
        assert record.values is not None
        arguments: dict[str, Any] = {}
        for name, value in record.values.items():
            self._set(arguments, name, value)
        for set_it, field, value in self._constants:
            if not _has(arguments, field):
                set_it(arguments, value)
        call = arguments.pop("type", None) or ("track" if "event" in arguments else None)
        if call not in TYPES:
            raise ValidationError("type is missing" if call is None else f"type must be one of {', '.join(TYPES)}")
        if unknown := sorted(name for name in arguments if name not in ARGUMENTS[call]):
            raise ValidationError(f"{unknown[0]} is no field of {call}")
        if call == "alias":
            arguments.pop("session_id", None)  # some libraries send it along; the call has no place for it
        timestamp = arguments.get("timestamp")
        if timestamp is not None:
            arguments["timestamp"] = when(timestamp)
        if not arguments.get("message_id"):
            arguments["message_id"] = self.id_of(record)
        return call, arguments

    def id_of(self, record: Record) -> str:
        """The same for the same line at the same place, read in the same way: the server drops a repeat."""
        digest = self._hash.copy()
        digest.update(b"%d " % record.line + record.raw)
        return ID_PREFIX + digest.hexdigest()

    def _set(self, arguments: dict[str, Any], name: str, value: Any) -> None:
        if name in FIELDS:
            if name not in self._setters:
                if value is not None:
                    arguments[name] = value
                return
        elif name not in self._setters:
            try:
                self._setters[name] = setter(name)
            except ShapeError as error:
                raise ValidationError(str(error)) from None
        if (set_it := self._setters[name]) is not None and value is not None:
            set_it(arguments, value)


def setter(field: str) -> Setter:
    """What puts a value where `field` says.

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
    if kind and kind not in CONVERSIONS:
        raise ShapeError(f"there is no type {kind!r}: {', '.join(CONVERSIONS)}")
    convert = CONVERSIONS[kind] if kind else None

    def put(arguments: dict[str, Any], value: Any) -> None:
        if convert is not None:
            try:
                value = convert(value)
            except (ValueError, TypeError):
                raise ValidationError(f"{path} must be {kind}") from None
        if key:
            _put_under(arguments, name, key, value)
        else:
            arguments[name] = value

    return put


def when(value: Any) -> Any:
    """A time as the client takes it: numbers, and texts of 10 or 13 digits, are seconds or milliseconds since 1970.

    Raises:
        ValidationError: a number is no time.
    """
    if isinstance(value, str) and value.isdigit() and len(value) in {10, 13}:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        return datetime.fromtimestamp(value / 1000 if abs(value) >= MILLISECONDS_FROM else value, timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise ValidationError("timestamp is a number that is no time") from None


def _put_under(arguments: dict[str, Any], name: str, key: str, value: Any) -> None:
    """`value` at the dotted `key` in the mapping `name`."""
    *parents, last = [name, *key.split(".")]
    inner = arguments
    for parent in parents:
        inner = inner.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ValidationError(f"{name} must be a mapping to hold {key}")
    inner[last] = value


def _has(arguments: Mapping[str, Any], field: str) -> bool:
    inner: Any = arguments
    name, *keys = field.partition(":")[0].split(".")
    for key in [NAMES.get(name, name), *keys]:
        if not isinstance(inner, Mapping) or key not in inner:
            return False
        inner = inner[key]
    return True


def _parted(pair: str) -> tuple[str, str, str]:
    column, equals, field = pair.rpartition("=") if pair.endswith("=") else pair.partition("=")
    if not column or not equals:
        raise ShapeError(f"{pair!r} must be NAME=…")
    return column, equals, field


def _number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = str(value)
    try:
        return int(text)
    except ValueError:
        return float(text)


def _boolean(value: Any) -> bool:
    word = str(value).lower()
    if word not in {"true", "false", "1", "0", "yes", "no"}:
        raise ValueError(word)
    return word in {"true", "1", "yes"}
