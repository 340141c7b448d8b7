"""What the arguments of the integrations accept: each check returns the value as it is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from segment_gevent import ConfigError
from segment_gevent.checks import switch as switch
from segment_gevent.checks import values as values
from segment_gevent.checks import wrong as wrong

F = TypeVar("F", bound="Callable[..., Any]")

# What names of cookies and of headers are made of: https://www.rfc-editor.org/rfc/rfc9110#name-tokens
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def function(name: str, value: F, wants: str) -> F:
    """
    Raises:
        ConfigError: `value` can't be called; the text calls it `name`. So it is with the others.
    """
    if not callable(value):
        raise wrong(name, wants, value)
    return value


def token(name: str, value: object, wants: str) -> str:
    if not isinstance(value, str):
        raise wrong(name, wants, value)
    if not _TOKEN.fullmatch(value):
        raise ConfigError(f"{name} must be {wants}: letters, digits, hyphens and underscores, at least one")
    return value


def some_of(known: Iterable[str], name: str, value: object) -> list[str]:
    words = list(known)
    wants = f"some of {', '.join(words)}"
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise wrong(name, f"{wants}, in a list or the like", value)
    given = list(value)
    for each in given:
        if not isinstance(each, str):
            raise wrong(name, wants, each)
        if each not in words:
            raise ConfigError(f"{name} must be {wants}, not {each!r}")
    return given
