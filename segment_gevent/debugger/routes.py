"""A route of the API under `/_/`: which requests it answers, and what is said of it to whoever uses it.

The table of them, in `control.py`, is what requests are dispatched by and what `openapi.py` describes: a route stands
in it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from segment_gevent.debugger.answer import Answer

JSON = "application/json"
EVENT_STREAM = "text/event-stream"

Handler = Callable[[Mapping[str, Any]], Answer]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query, with its JSON Schema."""

    name: str
    schema: Mapping[str, object]
    words: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Requests of one method to one path below `/_/`, and what answers them.

    `answer` and `body` name schemas in `schemas.py`; without an `answer` it is 204. `words` are a sentence.
    """

    method: str
    path: str
    handle: Handler
    words: str
    answer: str | None = None
    parameters: tuple[Parameter, ...] = ()
    body: str | None = None
    media_type: str = JSON


def by_path(routes: Iterable[Route]) -> dict[str, dict[str, Route]]:
    """The routes by path, then by method."""
    found: dict[str, dict[str, Route]] = {}
    for route in routes:
        found.setdefault(route.path, {})[route.method] = route
    return found
