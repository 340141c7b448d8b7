"""The settings, each of which may be missing: `SEGMENT_WRITE_KEY`, `…_OPTIONS`, `…_REQUESTS`, `…_LOGIN_TRAITS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import conf
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from segment_gevent import ConfigError
from segment_gevent.contrib import configured
from segment_gevent.contrib.visit import Reader

Traits = Callable[[Any], dict[str, Any]]


def initialize() -> None:
    """Make the default client, where the write key or an option is set.

    Raises:
        ImproperlyConfigured: an option is unknown, or has a wrong type or value.
    """
    try:
        configured.initialize(
            getattr(conf.settings, "SEGMENT_WRITE_KEY", None), getattr(conf.settings, "SEGMENT_OPTIONS", None)
        )
    except (ConfigError, TypeError) as error:
        raise ImproperlyConfigured(f"SEGMENT_WRITE_KEY, SEGMENT_OPTIONS: {error}") from error


def reader() -> Reader:
    """What reads the requests.

    Raises:
        ImproperlyConfigured: an option is unknown, or has a wrong type or value.
    """
    try:
        return Reader(**getattr(conf.settings, "SEGMENT_REQUESTS", {}))
    except (ConfigError, TypeError) as error:
        raise ImproperlyConfigured(f"SEGMENT_REQUESTS: {error}") from error


def has_login_traits() -> bool:
    """Whether a function is named; it is not looked for, since its module may want models, which are not there yet."""
    return bool(getattr(conf.settings, "SEGMENT_LOGIN_TRAITS", None))


def login_traits() -> Traits:
    """The function of a user that returns their traits, given itself or by its dotted path.

    Raises:
        ImproperlyConfigured: there is none of that path.
    """
    try:
        given = conf.settings.SEGMENT_LOGIN_TRAITS
        found: Traits = import_string(given) if isinstance(given, str) else given
    except ImportError as error:
        raise ImproperlyConfigured(f"SEGMENT_LOGIN_TRAITS: {error}") from error
    return found
