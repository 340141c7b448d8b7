"""What options accept: each check takes an option's name and the value given, and returns the value as it is kept.

A check that fails raises ConfigError, which names the option and the value's type, and shows no text: that may be a
secret.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from segment_gevent.errors import ConfigError, ValidationError

if TYPE_CHECKING:
    from segment_gevent.delivery.transport import Transport

BeforeSend = Callable[[dict[str, Any]], dict[str, Any] | None]


class LeftOut(str):
    """A default that can be told from the same text given by a caller, which goes over the environment."""

    __slots__ = ()


def wrong(name: str, wants: str, value: object) -> ConfigError:
    """The error that says so."""
    return ConfigError(f"{name} must be {wants}, not {_shown(value)}")


def _shown(value: object) -> str:
    """The value's type, and the value itself where it is a number: a string may be a secret."""
    kind = type(value).__name__
    return f"{kind} {value!r}" if isinstance(value, int | float | timedelta) else kind


def switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise wrong(name, "True or False", value)
    return value


def count(least: int, most: int | None = None) -> Callable[[str, object], int]:
    wants = f"a whole number of at least {least}" if most is None else f"a whole number from {least} to {most}"

    def keep(name: str, value: object) -> int:
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or value < least
            or (most is not None and value > most)
        ):
            raise wrong(name, wants, value)
        return value

    return keep


def seconds(name: str, value: object) -> float:
    """A duration in seconds.

    Raises:
        ConfigError: `value` is no duration, or negative, or endless; the text calls it `name`.
    """
    amount = value.total_seconds() if isinstance(value, timedelta) else value
    if not isinstance(amount, int | float) or isinstance(amount, bool) or not 0 <= amount <= sys.float_info.max:
        raise wrong(name, "a number of seconds or a timedelta, not negative", value)
    return float(amount)


def some_seconds(name: str, value: object) -> float:
    amount = seconds(name, value)
    if amount == 0:
        raise wrong(name, "more than 0 seconds", value)
    return amount


def seconds_or_never(name: str, value: object) -> float:
    return 0.0 if value is None else seconds(name, value)


def connect_and_read(name: str, value: object) -> tuple[float, float]:
    if not isinstance(value, tuple | list):
        both = some_seconds(name, value)
        return both, both
    if len(value) != 2:
        raise ConfigError(f"{name} must be (connect, read) or one number for both, not {len(value)} values")
    return some_seconds(f"{name}[0]", value[0]), some_seconds(f"{name}[1]", value[1])


def level(name: str, value: object) -> int:
    level = logging.getLevelName(value.upper()) if isinstance(value, str) else value
    if not isinstance(level, int) or isinstance(level, bool):
        raise wrong(name, "a level of the logging module", value)
    return level


def write_key(name: str, value: object) -> str:
    if value is None:
        return ""  # whether that is an error depends on `enabled`: Options says so
    if not isinstance(value, str):
        raise wrong(name, "the write key, a string", value)
    if not value or not value.isprintable() or " " in value:
        raise ConfigError(f"{name} must be the write key: a string that is not empty and holds no white space")
    return value


def address(name: str, value: object) -> str:
    from urllib.parse import urlsplit  # 1.5 ms, which the first client may cost, and an import need not

    wants = "an http:// or https:// address such as https://api.segment.io"
    if not isinstance(value, str):
        raise wrong(name, wants, value)
    is_left_out = isinstance(value, LeftOut)  # `region` may choose another
    value = value if is_left_out else str(value)
    try:
        parts = urlsplit(value)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        raise ConfigError(f"{name} must be {wants}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_sound:
        raise ConfigError(f"{name} must be {wants}")
    if parts.username is not None or not value.isprintable() or set(value) & set("?# "):
        raise ConfigError(f"{name} must be {wants}, without user, query, fragment or white space")
    return value if is_left_out else value.rstrip("/")


def outbox(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise wrong(name, "a Redis URL, a string", value)
    if value:
        from segment_gevent.redis_url import parse  # which most clients do without

        parse(name, value)
    return str(value)


def text(name: str, value: object) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise wrong(name, "a string", value)
    return value


def path(name: str, value: object) -> str:
    given = text(name, value)
    if "\0" in given:
        raise ConfigError(f"{name} must hold no null character")
    return given


def proxies(name: str, value: object) -> Mapping[str, str] | None:
    if value is None:
        return None
    wants = "a mapping of scheme to proxy URL, both strings"
    if not isinstance(value, Mapping):
        raise wrong(name, wants, value)
    for part in (part for pair in value.items() for part in pair):
        if not isinstance(part, str):
            raise ConfigError(f"{name} must be {wants}; one in it is {_shown(part)}")
    return dict(value)


def ca_bundle(name: str, value: object) -> bool | str | None:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if value is None or isinstance(value, bool | str):
        return value
    raise wrong(name, "True, False or the path of a CA bundle", value)


def one_of(*words: str) -> Callable[[str, object], str]:
    wants = " or ".join(repr(word) for word in words)

    def keep(name: str, value: object) -> str:
        if not isinstance(value, str):
            raise wrong(name, wants, value)
        if value not in words:
            raise ConfigError(f"{name} must be {wants}")
        return str(value)

    return keep


def durable(name: str, value: object) -> bool | str:
    if not isinstance(value, bool) and value != "sync":
        raise wrong(name, 'True, False or "sync"', value)
    return value


def share(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise wrong(name, "a number from 0 to 1", value)
    return float(value)


def values(name: str, value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise wrong(name, "a mapping such as a dict", value)
    return dict(value)


def hook(name: str, value: object) -> BeforeSend | None:
    if value is not None and not callable(value):
        raise wrong(name, "a function of a message that returns a message or None", value)
    return cast("BeforeSend | None", value)


def transport(name: str, value: object) -> Transport | None:
    if value is not None and not (callable(getattr(value, "send", None)) and callable(getattr(value, "close", None))):
        raise wrong(name, "an object with send(body, headers) and close()", value)
    return cast("Transport | None", value)


def duration(timeout: float | timedelta | None, default: float, name: str = "timeout") -> float:
    """The seconds that a caller may wait.

    Raises:
        ValidationError: `timeout` is no duration; the text calls it `name`.
    """
    if timeout is None:
        return default
    try:
        return seconds(name, timeout)
    except ConfigError as error:
        raise ValidationError(str(error)) from None
    except Exception as error:  # of the value's own methods
        raise ValidationError(f"{name} of type {type(timeout).__name__} cannot be read") from error
