"""The settings, each of which may be missing: `SEGMENT_WRITE_KEY`, `…_OPTIONS`, `…_REQUESTS`, `…_LOGIN_TRAITS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django import conf
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from segment_gevent import ConfigError
from segment_gevent.contrib import arguments, configured
from segment_gevent.contrib.visit import Reader

Traits = Callable[[Any], dict[str, Any]]


def initialize() -> None:
    """Make the default client, where the write key or an option is set.

    Raises:
        ImproperlyConfigured: an option is unknown, or has a wrong type or value.
    """
    with _improper():
        configured.initialize(_setting("SEGMENT_WRITE_KEY"), _setting("SEGMENT_OPTIONS"))


def reader() -> Reader:
    """What reads the requests.

    Raises:
        ImproperlyConfigured: an option is unknown, or has a wrong type or value.
    """
    with _improper(), configured.of_settings("SEGMENT_REQUESTS"):
        return Reader(**configured.requests(_setting("SEGMENT_REQUESTS")))


def has_login_traits() -> bool:
    """Whether a function is named; it is not looked for, since its module may want models, which are not there yet.

    Raises:
        ImproperlyConfigured: what is there names none.
    """
    given = _setting("SEGMENT_LOGIN_TRAITS")
    if not isinstance(given, str | None):
        _callable(given)
    return bool(given)


def login_traits() -> Traits:
    """The function of a user that returns their traits, given itself or by its dotted path.

    Raises:
        ImproperlyConfigured: there is none of that path.
    """
    given = _setting("SEGMENT_LOGIN_TRAITS")
    try:
        found = import_string(given) if isinstance(given, str) else given
    except ImportError as error:
        raise ImproperlyConfigured(f"SEGMENT_LOGIN_TRAITS: {error}") from error
    return _callable(found)


def _callable(found: Any) -> Traits:
    with _improper():
        traits: Traits = arguments.function("SEGMENT_LOGIN_TRAITS", found, "a function of a user, or its dotted path")
        return traits


def _setting(name: str) -> Any:
    return getattr(conf.settings, name, None)


@contextmanager
def _improper() -> Iterator[None]:
    """In the block, what is wrong with a setting is told by Django's own error."""
    try:
        yield
    except (ConfigError, TypeError) as error:
        raise ImproperlyConfigured(str(error)) from error
