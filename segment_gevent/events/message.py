"""Messages: how a call's arguments are checked, stamped and encoded, and what is wrong with a message made elsewhere.

A call takes two steps. `track` and its five siblings check what is theirs and return the message's first fields;
`seal` checks and adds what all calls share, and encodes once. `problems` judges a decoded message by the same rules and
limits, from whatever library it comes. Fields and limits are those of Segment's HTTP API.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from itertools import count
from numbers import Integral, Real
from typing import TypeAlias
from uuid import UUID

from segment_gevent.errors import ValidationError
from segment_gevent.events.encoding import LEVELS, encode
from segment_gevent.version import __version__

TYPES = ("identify", "track", "page", "screen", "group", "alias")

MESSAGE_LIMIT = 32_768
"""Bytes of an encoded message, at most; the caller of `seal` compares."""

MESSAGE_ID_LIMIT = 100
"""Characters of a messageId, which must stay under it."""

LIBRARY = {"name": "segment-gevent", "version": __version__}
"""What `context.library` says unless the caller's context says otherwise."""

Id: TypeAlias = "str | int | float | Decimal | UUID"
Timestamp: TypeAlias = "datetime | date | str"
Fields: TypeAlias = "dict[str, object]"

_LIBRARY_CONTEXT = b',"context":' + encode({"library": LIBRARY}) + b"}"
_EPOCH = datetime(1970, 1, 1)
_MESSAGE_LEVELS = LEVELS + 1  # the message is one level above the caller's values
_LOCAL_TIME = 5.0  # seconds around now in which a naive datetime is local time, as the official client has it


class MessageIds:
    """Ids that are unique as long as `prefix` is: a random one for each process, and a new one after a fork.

    A count behind a prefix costs 0.1 µs, `uuid.uuid4` 3. Safe from every native thread.

    >>> ids = MessageIds("b2c9")
    >>> ids.next(), ids.next()
    ('b2c9-0', 'b2c9-1')
    """

    __slots__ = ("_count", "_prefix")

    def __init__(self, prefix: str) -> None:
        if len(prefix) > MESSAGE_ID_LIMIT - 24:  # a dash and a count of 64 bits still fit
            raise ValueError(f"a prefix of {len(prefix)} characters leaves no room to count")
        self._prefix = prefix
        self._count = count()

    def next(self) -> str:
        """Return the next id, without a lock: the step of `itertools.count` is atomic."""
        return f"{self._prefix}-{next(self._count)}"


# The six calls. Each returns a new dict, which refers to the values of its arguments and waits for `seal`, and raises
# ValidationError for a wrong argument.


def identify(session_id: object, user_id: object, traits: object) -> Fields:
    """Who a visitor is: traits of a user, whom `session_id` tied to what they did before they logged in."""
    fields = _who("identify", session_id, user_id)
    fields["traits"] = _mapping("traits", traits)
    return fields


def track(session_id: object, user_id: object, event: object, properties: object) -> Fields:
    """What a user did, by the event's name; also catches calls in the official client's order of arguments."""
    if not isinstance(event, str) or not event:
        wrong = "is required" if event is None else _wrong("must be a non-empty string", event)
        raise ValidationError(f"event {wrong}; the order here is session_id, user_id, event, properties")
    fields = _who("track", session_id, user_id)
    fields["event"] = event
    fields["properties"] = _mapping("properties", properties)
    return fields


def page(session_id: object, user_id: object, name: object, properties: object, category: object) -> Fields:
    """A page that was seen; its name and category also stand in the properties, where destinations look."""
    return _view("page", session_id, user_id, name, properties, category)


def screen(session_id: object, user_id: object, name: object, properties: object, category: object) -> Fields:
    """A screen of an app that was seen; as `page`."""
    return _view("screen", session_id, user_id, name, properties, category)


def group(session_id: object, user_id: object, group_id: object, traits: object) -> Fields:
    """Which company, team or project a user belongs to; the traits are the group's."""
    fields = _who("group", session_id, user_id)
    fields["groupId"] = _required_id("group_id", group_id)
    fields["traits"] = _mapping("traits", traits)
    return fields


def alias(previous_id: object, user_id: object) -> Fields:
    """That two ids are one user."""
    return {
        "type": "alias",
        "previousId": _required_id("previous_id", previous_id),
        "userId": _required_id("user_id", user_id),
    }


def seal(
    fields: Fields,
    context: object,
    timestamp: object,
    integrations: object,
    message_id: object,
    *,
    new_id: str,
    now: float,
) -> bytes:
    """Complete `fields` and return the message as compact JSON, in a bytes object of just its length.

    `message_id` and `timestamp` default to `new_id` and `now` (seconds since 1970). Raises ValidationError for a wrong
    argument, and nothing about values: see `encode`. A message over MESSAGE_LIMIT is returned all the same.
    """
    if message_id is None:
        fields["messageId"] = new_id
    elif isinstance(message_id, str) and 0 < len(message_id) < MESSAGE_ID_LIMIT:
        fields["messageId"] = message_id
    else:
        raise ValidationError(
            f"message_id {_wrong(f'must be a non-empty string under {MESSAGE_ID_LIMIT} characters', message_id)}"
        )
    fields["timestamp"] = stamp(now) if timestamp is None else _read_timestamp(timestamp, now)
    if integrations is not None:
        fields["integrations"] = _mapping("integrations", integrations)
    if context is None:
        tail = _LIBRARY_CONTEXT
    else:
        merged: dict[object, object] = {"library": LIBRARY}
        merged.update(dict.copy(_mapping("context", context)))
        tail = b',"context":' + encode(merged) + b"}"
    # Slicing and adding copies: as orjson returns it, a message of 449 bytes holds 4,096; the copy holds 482.
    return encode(fields, _MESSAGE_LEVELS)[:-1] + tail


def _who(kind: str, session_id: object, user_id: object) -> Fields:
    fields: Fields = {"type": kind}
    # Most ids are strings, and a call costs as much as all of this.
    session = session_id if type(session_id) is str else _optional_id("session_id", session_id)
    user = user_id if type(user_id) is str else _optional_id("user_id", user_id)
    if session:
        fields["anonymousId"] = session
    if user:
        fields["userId"] = user
    elif not session:
        raise ValidationError(f"{kind} needs a session_id or a user_id; both are empty")
    return fields


def _view(kind: str, session_id: object, user_id: object, name: object, properties: object, category: object) -> Fields:
    fields = _who(kind, session_id, user_id)
    merged = dict.copy(_mapping("properties", properties))
    for argument, value in (("name", name), ("category", category)):
        if value is None:
            continue
        if not isinstance(value, str):
            raise ValidationError(f"{argument} {_wrong('must be a string', value)}")
        fields[argument] = merged[argument] = value
    fields["properties"] = merged
    return fields


def _optional_id(argument: str, value: object) -> str:
    """Return an id as it is sent, "" for one that is not given; 0 is given."""
    if value is None:
        return ""
    try:
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, UUID):
            return str(value)
        if isinstance(value, Integral) and not isinstance(value, bool):
            return str(int(value))
        if isinstance(value, Real | Decimal) and not isinstance(value, bool) and math.isfinite(value):
            return str(value)
    except Exception as error:
        raise ValidationError(f"{argument} of type {type(value).__name__} has no text") from error
    wrong = _wrong("must be a string, a finite number or a UUID", value)
    order = "; the order here is session_id, user_id, then the rest" if isinstance(value, Mapping) else ""
    raise ValidationError(f"{argument} {wrong}{order}")


def _required_id(argument: str, value: object) -> str:
    text = _optional_id(argument, value)
    if not text:
        raise ValidationError(f"{argument} {_wrong('is required', value)}")
    return text


def _mapping(argument: str, value: object) -> dict[object, object]:
    """Return `value` as a dict that is only read; {} for None."""
    if value is None:
        return {}
    if isinstance(value, dict) and issubclass(type(value), dict):  # a proxy only says that it is one
        return value
    if not isinstance(value, Mapping):
        raise ValidationError(f"{argument} {_wrong('must be a mapping such as a dict', value)}")
    try:
        return dict(value)
    except Exception as error:
        raise ValidationError(f"{argument} of type {type(value).__name__} cannot be read") from error


def _wrong(rule: str, value: object) -> str:
    return f"{rule}, not {'an empty ' if isinstance(value, str) and not value else ''}{type(value).__name__}"


# Timestamps.


def stamp(now: float) -> str:
    """Return `now`, in seconds since 1970, as all times are sent: UTC with milliseconds, always 24 characters.

    >>> stamp(1795447180.388)
    '2026-11-23T15:19:40.388Z'
    """
    seconds, milliseconds = divmod(round(now * 1000), 1000)
    return f"{_second(seconds)}.{milliseconds:03d}Z"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()  # 0.8 µs, once a second instead of once a message


def _read_timestamp(value: object, now: float) -> str:
    try:
        if isinstance(value, str):
            value = _parse(value, now)
        if isinstance(value, datetime):
            return _utc(value, now).isoformat(timespec="milliseconds") + "Z"
        if isinstance(value, date):
            return f"{date.isoformat(value)}T00:00:00.000Z"
    except Exception as error:
        raise ValidationError(f"timestamp of type {type(value).__name__} cannot be read: {error}") from error
    raise ValidationError(f"timestamp {_wrong('must be a datetime, a date or a string', value)}")


def _utc(value: datetime, now: float) -> datetime:
    """Return `value` in UTC as a naive datetime, of no subclass."""
    offset = value.utcoffset()
    day = (value.year, value.month, value.day)
    plain = datetime(*day, value.hour, value.minute, value.second, value.microsecond, fold=value.fold)
    if offset is not None:
        return plain - offset
    try:
        local = plain.timestamp()
    except (OverflowError, OSError, ValueError):  # the first and last days that a datetime can hold
        return plain
    return plain.astimezone(timezone.utc).replace(tzinfo=None) if abs(local - now) <= _LOCAL_TIME else plain


def _parse(text: str, now: float) -> datetime:
    """Return what python-dateutil reads in `text`; where it names no day, that is the local day of `now`."""
    from dateutil import parser, tz

    def zone(name: str | None, offset: int | None) -> tzinfo | None:
        if offset is not None:
            return timezone(timedelta(seconds=offset))
        if name is None:
            return None
        if name in time.tzname:
            return tz.tzlocal()
        raise ValueError(f"time zone {name} is ambiguous; give an offset such as +02:00")  # dateutil alone drops it

    today = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return parser.parse(text, default=today, tzinfos=zone)


# Messages made elsewhere.

_REQUIRED = {"track": ("event",), "group": ("groupId",), "alias": ("userId", "previousId")}
_STRINGS = ("messageId", "userId", "anonymousId", "previousId", "groupId", "event", "name", "category")
_OBJECTS = ("properties", "traits", "context", "integrations")
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
    found += _wrong_timestamp(given.get("timestamp"))
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
    rules = [(field, "a string", str) for field in _STRINGS] + [(field, "an object", dict) for field in _OBJECTS]
    return [
        f"{field} must be {word}, not {_word(given[field])}"
        for field, word, kind in rules
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


def _wrong_timestamp(value: object) -> list[str]:
    if value is None:
        return []
    match = _ISO_8601.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return ["timestamp must be an ISO 8601 time such as 2026-11-23T15:19:40.388Z"]
    *parts, zone = match.groups()
    try:
        datetime(*(int(part or 0) for part in parts))  # type: ignore[arg-type]
    except ValueError as error:
        return [f"timestamp does not exist: {error}"]
    return [] if zone else ["timestamp has no time zone"]


def _wrong_library(context: object) -> list[str]:
    library = context.get("library") if isinstance(context, dict) else None
    if not isinstance(library, dict):
        return ["context.library is missing"]
    return [f"context.library.{field} is missing" for field in ("name", "version") if _empty(library.get(field))]


def _empty(value: object) -> bool:
    return value is None or value == ""


def _word(value: object) -> str:
    return _WORDS.get(type(value), "null")
