"""Times: what a caller may give as a timestamp, and the one form in which every time is sent."""

from __future__ import annotations

import re
import time
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import TypeAlias

from segment_gevent.errors import ValidationError

Timestamp: TypeAlias = "datetime | date | str"

STAMP_LENGTH = 24
"""Characters of every time that is sent."""

# What Python 3.10 reads by itself, and as python-dateutil does, which takes 59 µs for it; this takes 7.
_ISO_8601 = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{3}(?:\d{3})?)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1)
_LOCAL_TIME = 5.0  # seconds around now in which a naive datetime is local time, as the official client has it


def stamp(now: float) -> str:
    """Return `now`, in seconds since 1970, as all times are sent: UTC with milliseconds, always 24 characters.

    >>> stamp(1795447180.388)
    '2026-11-23T15:19:40.388Z'
    """
    return _stamp(round(now * 1000))


@lru_cache(maxsize=16)  # a busy server tracks more than once a millisecond
def _stamp(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()  # 0.8 µs, once a second instead of once a message


def read_timestamp(value: object, now: float) -> str:
    """Return a caller's timestamp as it is sent. A naive time within 5 s of `now` is local time, any other is UTC.

    Raises:
        ValidationError: it is no datetime, date or readable string; the text names the argument.
    """
    try:
        if isinstance(value, str):
            text = str.__str__(value)
            if text.endswith("Z") and _ISO_8601.fullmatch(text):
                datetime.fromisoformat(text[:19])  # whether there is such a day
                return f"{text[:10]}T{text[11:19]}{(text[19:-1] or '.000')[:4]}Z"
            value = _parse(text, now)
        if isinstance(value, datetime):
            return _utc(value, now).isoformat(timespec="milliseconds") + "Z"
        if isinstance(value, date):
            return f"{date.isoformat(value)}T00:00:00.000Z"
    except Exception as error:
        hint = ": it must be an ISO 8601 time such as 2026-11-23T15:19:40Z" if isinstance(value, str) else ""
        raise ValidationError(f"timestamp of type {type(value).__name__} cannot be read{hint}") from error
    raise ValidationError(f"timestamp must be a datetime, a date or a string, not {type(value).__name__}")


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
    if _ISO_8601.fullmatch(text):
        return datetime.fromisoformat(text)
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
