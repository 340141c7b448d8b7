"""Messages made elsewhere: what is wrong with a decoded one, by the fields and limits of Segment's HTTP API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from segment_gevent.events.message import MESSAGE_ID_LIMIT, TYPES

_REQUIRED = {"track": ("event",), "group": ("groupId",), "alias": ("userId", "previousId")}
_STRINGS = ("messageId", "userId", "anonymousId", "previousId", "groupId", "event", "name", "category")
_OBJECTS = ("properties", "traits", "context", "integrations")
_KINDS = {**dict.fromkeys(_STRINGS, str), **dict.fromkeys(_OBJECTS, dict)}
_ISO_8601 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?", re.A
)
_WORDS = {str: "a string", bool: "a boolean", int: "a number", float: "a number", dict: "an object", list: "an array"}


def problems(message: object, *, strict: bool = False) -> list[str]:
    """Say what is wrong with a decoded message of the HTTP API, in words that name the field; [] if nothing is.

    A field that is null counts as left out. With `strict`, what the API lets out but every library sends is missed too:
    `messageId`, `timestamp` and `context.library`. The size is not looked at, since only the encoded message has one.

    >>> problems({"type": "track", "userId": 7, "properties": {}})
    ['userId must be a string, not a number', 'event is missing']
    """
    if not isinstance(message, dict):
        return [f"a message must be an object, not {_word(message)}"]
    given = {field: value for field, value in message.items() if value is not None}
    found = [*_wrong_type(given), *_wrong_types(given), *_missing(given)]
    found += _wrong_message_id(given.get("messageId"))
    found += wrong_time("timestamp", given.get("timestamp"))
    if strict:
        found += [f"{field} is missing" for field in ("messageId", "timestamp") if field not in given]
        found += _wrong_library(given.get("context"))
    return found


def _wrong_type(given: Mapping[str, object]) -> list[str]:
    if "type" not in given:
        return ["type is missing"]
    if given["type"] in TYPES:
        return []
    return [f"type must be one of {', '.join(TYPES)}"]


def _wrong_types(given: Mapping[str, object]) -> list[str]:
    return [
        f"{field} must be {_WORDS[kind]}, not {_word(given[field])}"
        for field, kind in _KINDS.items()
        if field in given and not isinstance(given[field], kind)
    ]


def _missing(given: Mapping[str, object]) -> list[str]:
    kind = given.get("type")
    required = _REQUIRED.get(kind, ()) if isinstance(kind, str) else ()
    found = [f"{field} is {'empty' if field in given else 'missing'}" for field in required if _empty(given.get(field))]
    if kind != "alias" and _empty(given.get("userId")) and _empty(given.get("anonymousId")):
        found.append("userId or anonymousId is missing")
    return found


def _wrong_message_id(value: object) -> list[str]:
    if value == "":
        return ["messageId is empty"]
    if isinstance(value, str) and len(value) >= MESSAGE_ID_LIMIT:
        return [f"messageId must be under {MESSAGE_ID_LIMIT} characters, not {len(value)}"]
    return []


def wrong_time(field: str, value: object) -> list[str]:
    """Say what is wrong with a time of the API; [] if nothing is, or it is None."""
    if value is None:
        return []
    match = _ISO_8601.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return [f"{field} must be an ISO 8601 time such as 2026-11-23T15:19:40.388Z"]
    *parts, zone = match.groups()
    try:
        datetime(*(int(part or 0) for part in parts))  # type: ignore[arg-type]
    except ValueError as error:
        return [f"{field} does not exist: {error}"]
    return [] if zone else [f"{field} has no time zone"]


def _wrong_library(context: object) -> list[str]:
    library = context.get("library") if isinstance(context, dict) else None
    if not isinstance(library, dict):
        return ["context.library is missing"]
    return [f"context.library.{field} is missing" for field in ("name", "version") if _empty(library.get(field))]


def _empty(value: object) -> bool:
    return value is None or value == ""


def _word(value: object) -> str:
    return _WORDS.get(type(value), "null")
