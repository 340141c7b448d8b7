"""One message as it arrived, and what can be asked of it without decoding it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Event:
    """One message: its JSON, who and what it is about, and what was wrong with it.

    `event` is the name of what was tracked, or of the page or screen; `properties` are only there until the event was
    counted. `received_at` is in unix seconds, `batch` the number of the request that carried it, `retry` how
    often that had been tried before; `id` is given by the store, in the order of arrival.
    """

    message: bytes
    type: str
    event: str | None
    user_id: str | None
    anonymous_id: str | None
    message_id: str | None
    problems: tuple[str, ...]
    received_at: float
    batch: int
    duplicate: bool = False
    previous_id: str | None = None
    retry: int = 0
    properties: Mapping[str, object] = field(default_factory=dict)
    id: int = 0

    @property
    def valid(self) -> bool:
        """True when nothing is wrong with it."""
        return not self.problems
