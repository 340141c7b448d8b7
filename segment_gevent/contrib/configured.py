"""The default client, as a framework's configuration has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import segment_gevent as segment


def initialize(write_key: str | None, options: Mapping[str, Any] | None) -> None:
    """Make the default client of the two; where neither is set, that is left to the application.

    Raises:
        ConfigError: an option has a wrong type or value.
        TypeError: an option is unknown.
    """
    if write_key or options:
        segment.initialize(**{**({"api_key": write_key} if write_key else {}), **(options or {})})
