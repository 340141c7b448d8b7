"""Messages as the official client makes them: what it refuses, what it fills in, and what a call hands back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from numbers import Number
from typing import Any, TypeAlias, cast
from uuid import uuid4

from dateutil.tz import tzlocal

from segment_gevent.events.encoding import encode
from segment_gevent.events.message import LIBRARY, MESSAGE_LIMIT

Message: TypeAlias = "dict[str, Any]"

ID_TYPES = (Number, str)
_LOCAL_TIME = timedelta(seconds=5)
_NAMES = {
    "user_id": "userId",
    "session_id": "anonymousId",
    "previous_id": "previousId",
    "group_id": "groupId",
    "message_id": "messageId",
}


def require(name: str, value: object, kinds: type | tuple[type, ...]) -> None:
    """
    Raises:
        AssertionError: `value` is of none of the kinds; the text has its type and not the value, which may be a secret.
    """
    if not isinstance(value, kinds):
        raise AssertionError(f"{name} must have {kinds}, got: {type(value).__name__}")  # noqa: TRY004 - as theirs


def values(name: str, value: Any) -> dict[Any, Any]:
    """A dict as given; {} for everything that is empty."""
    given: dict[Any, Any] = value or {}
    require(name, given, dict)
    return given


def text(value: object) -> str | None:
    return None if value is None else str(value)


# Arguments of the core's calls, from the official client's. All raise AssertionError, as `require`.


def who(user_id: object, anonymous_id: object) -> Message:
    require("user_id or anonymous_id", user_id or anonymous_id, ID_TYPES)
    return {"user_id": text(user_id), "session_id": text(anonymous_id)}


def view(category: object, name: object, properties: object) -> Message:
    given = values("properties", properties)
    for argument, value in (("name", name), ("category", category)):
        if value:
            require(argument, value, str)
    return {"category": category or None, "name": name or None, "properties": given}


def common(context: object, timestamp: object, integrations: object, message_id: object) -> Message:
    if timestamp is None:
        timestamp = datetime.now(timezone.utc)
    require("timestamp", timestamp, datetime)
    return {
        "context": {**values("context", context), "library": dict(LIBRARY)},
        "timestamp": in_its_zone(cast("datetime", timestamp)),
        "integrations": values("integrations", integrations),
        "message_id": str(uuid4()) if message_id is None else str(message_id),
    }


def in_its_zone(moment: datetime) -> datetime:
    """A naive time is local if it lies in the last 5 s or in the future, else UTC."""
    if moment.utcoffset() is not None:
        return moment
    plain = moment.replace(tzinfo=None)
    return plain.replace(tzinfo=tzlocal() if datetime.now() - plain < _LOCAL_TIME else timezone.utc)


def handed_back(kind: str, own: Message, shared: Message) -> Message:
    """The message as a call returns it and its caller may keep it: by the API's names, with its time in words."""
    message = {"type": kind, **{_NAMES.get(name, name): value for name, value in (own | shared).items()}}
    message["timestamp"] = shared["timestamp"].isoformat(timespec="milliseconds")
    return message


def is_too_large(message: Message) -> bool:
    return len(encode({name: value for name, value in message.items() if value is not None})) > MESSAGE_LIMIT
