"""Messages: how a call's arguments are checked, stamped and encoded.

A call takes two steps. `track` and its five siblings check what is theirs and return the message's first fields;
`seal` checks and adds what all calls share, and encodes once. Fields and limits are those of Segment's HTTP API.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from numbers import Integral, Real
from typing import TypeAlias
from uuid import UUID

from segment_gevent.errors import ValidationError
from segment_gevent.events.encoding import LEVELS, encode
from segment_gevent.events.timestamps import read_timestamp, stamp
from segment_gevent.version import __version__

TYPES = ("identify", "track", "page", "screen", "group", "alias")

MESSAGE_LIMIT = 32_768
"""Bytes of an encoded message, at most; the caller of `seal` compares."""

MESSAGE_ID_LIMIT = 100
"""Characters of a messageId, which must stay under it."""

LIBRARY = {"name": "segment-gevent", "version": __version__}
"""What `context.library` says unless the caller's context says otherwise."""

Id: TypeAlias = "str | int | float | Decimal | UUID"
Fields: TypeAlias = "dict[str, object]"

_MESSAGE_LEVELS = LEVELS + 1  # the message is one level above the caller's values


class MessageIds:
    """Ids that are unique as long as `prefix` is: a random one for each process, and a new one after a fork.

    A count behind a prefix costs 0.1 µs, `uuid.uuid4` 2. Safe from every native thread.

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
    fields["traits"] = mapping("traits", traits)
    return fields


def track(session_id: object, user_id: object, event: object, properties: object) -> Fields:
    """What a user did, by the event's name; also catches calls in the official client's order of arguments."""
    if not isinstance(event, str) or not event:
        wrong = "is required" if event is None else _wrong("must be a non-empty string", event)
        raise ValidationError(f"event {wrong}; the order here is session_id, user_id, event, properties")
    fields = _who("track", session_id, user_id)
    fields["event"] = event
    fields["properties"] = mapping("properties", properties)
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
    fields["traits"] = mapping("traits", traits)
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

    `message_id` and `timestamp` default to `new_id` and `now` (seconds since 1970); `context` may be a `Tail`. Raises
    ValidationError for a wrong argument, and nothing about values: see `encode`. A message over MESSAGE_LIMIT is
    returned all the same.
    """
    if message_id is None:
        fields["messageId"] = new_id
    elif isinstance(message_id, str) and 0 < len(message_id) < MESSAGE_ID_LIMIT:
        fields["messageId"] = message_id
    else:
        rule = f"must be a non-empty string under {MESSAGE_ID_LIMIT} characters"
        if isinstance(message_id, str) and message_id:
            raise ValidationError(f"message_id {rule}, not {len(message_id)}")
        raise ValidationError(f"message_id {_wrong(rule, message_id)}")
    fields["timestamp"] = stamp(now) if timestamp is None else read_timestamp(timestamp, now)
    if integrations is not None:
        fields["integrations"] = mapping("integrations", integrations)
    if context is None:
        end = _LIBRARY_TAIL
    elif type(context) is Tail:
        end = context
    else:
        end = tail(context)
    # Slicing and adding copies: as orjson returns it, a message of 449 bytes holds 4,096; the copy holds 482.
    return encode(fields, _MESSAGE_LEVELS)[:-1] + end


def _who(kind: str, session_id: object, user_id: object) -> Fields:
    fields: Fields = {"type": kind}
    # Most ids are strings, and a call costs as much as all of this.
    session = session_id if type(session_id) is str else id_text("session_id", session_id)
    user = user_id if type(user_id) is str else id_text("user_id", user_id)
    if session:
        fields["anonymousId"] = session
    if user:
        fields["userId"] = user
    elif not session:
        raise ValidationError(f"{kind} needs a session_id or a user_id; both are empty")
    return fields


def _view(kind: str, session_id: object, user_id: object, name: object, properties: object, category: object) -> Fields:
    fields = _who(kind, session_id, user_id)
    merged = dict.copy(mapping("properties", properties))
    for argument, value in (("name", name), ("category", category)):
        if value is None:
            continue
        if not isinstance(value, str):
            raise ValidationError(f"{argument} {_wrong('must be a string', value)}")
        fields[argument] = merged[argument] = value
    fields["properties"] = merged
    return fields


def id_text(argument: str, value: object) -> str:
    """Return an id as it is sent, "" for one that is not given; 0 is given.

    Raises ValidationError for a value of a type that no id has; `argument` is its name there.
    """
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
    text = id_text(argument, value)
    if not text:
        raise ValidationError(f"{argument} {'is required' if value is None else _wrong('is required', value)}")
    return text


def mapping(argument: str, value: object) -> dict[object, object]:
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


class Tail(bytes):
    """The end of a message, its context: the same bytes serve all messages that share it."""

    __slots__ = ()


def tail(context: object) -> Tail:
    """Encode a context, with the library told in it.

    Raises ValidationError for one that is no mapping.
    """
    merged: dict[object, object] = {"library": LIBRARY}
    merged.update(dict.copy(mapping("context", context)))
    return Tail(b',"context":' + encode(merged) + b"}")


_LIBRARY_TAIL = bytes(tail({}))
