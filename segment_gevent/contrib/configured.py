"""What a framework's configuration says: the default client, and how requests are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import segment_gevent as segment
from segment_gevent.contrib import arguments


def initialize(write_key: object, options: object) -> None:
    """Make the default client of the two; where neither is set, that is left to the application.

    Raises:
        ConfigError: an option, or one of the two, has a wrong type or value.
        TypeError: an option is unknown.
    """
    with of_settings("SEGMENT_WRITE_KEY", "SEGMENT_OPTIONS"):
        given = arguments.values("SEGMENT_OPTIONS", options)
        if not (write_key is None or isinstance(write_key, str)):
            raise arguments.wrong("SEGMENT_WRITE_KEY", "the write key, a string", write_key)
        if write_key or given:
            segment.initialize(**{**({"api_key": write_key} if write_key else {}), **given})


def requests(options: object) -> dict[str, Any]:
    """The options of `SegmentMiddleware`.

    Raises:
        ConfigError: they are no dict.
    """
    return dict(arguments.values("SEGMENT_REQUESTS", options))


@contextmanager
def of_settings(*names: str) -> Iterator[None]:
    """In the block, an error of an option says in which setting that stands."""
    try:
        yield
    except (segment.ConfigError, TypeError) as error:
        text = str(error)
        kind = segment.ConfigError if isinstance(error, segment.ConfigError) else TypeError
        raise kind(text if text.startswith(names) else f"{', '.join(names)}: {text}") from error
