"""The names of events: how often each came, when, and which properties of which types it carried. Pure, bounded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from segment_gevent.debugger.clock import timestamp
from segment_gevent.debugger.event import Event

MAX_NAMES = 1000
MAX_PROPERTIES = 200
# Of a name that a client made up, this much is shown.
_SHOWN = 200
_WORDS = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    dict: "object",
    list: "array",
    type(None): "null",
}


@dataclass(slots=True)
class Name:
    """One event name of one type of message. Times are in unix seconds."""

    type: str
    event: str
    first_seen: float
    last_seen: float = 0.0
    count: int = 0
    invalid: int = 0
    properties: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Count one more event of this name."""
        self.count += 1
        self.invalid += bool(event.problems)
        self.last_seen = event.received_at
        for key, value in event.properties.items():
            shown = key[:_SHOWN]
            kinds = self.properties.get(shown)
            if kinds is None:
                if len(self.properties) >= MAX_PROPERTIES:
                    continue
                kinds = self.properties[shown] = {}
            kind = _WORDS[type(value)]
            kinds[kind] = kinds.get(kind, 0) + 1

    def as_dict(self) -> dict[str, object]:
        """The name as `GET /_/names` shows it."""
        return {
            "type": self.type,
            "event": self.event[:_SHOWN],
            "count": self.count,
            "invalid": self.invalid,
            "firstSeen": timestamp(self.first_seen),
            "lastSeen": timestamp(self.last_seen),
            "properties": self.properties,
        }


class Catalogue:
    """The names met since the start or the last reset: the first `MAX_NAMES` of them, with all their events."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], Name] = {}

    def __iter__(self) -> Iterator[Name]:
        """The names, the most frequent first."""
        return iter(sorted(self._names.values(), key=lambda name: (-name.count, name.type, name.event)))

    def add(self, event: Event) -> None:
        """Count an event, unless it has no name, or the bound is reached and the name is new."""
        if event.event is None:
            return
        name = self._names.get((event.type, event.event))
        if name is None:
            if len(self._names) >= MAX_NAMES:
                return
            name = Name(event.type, event.event, event.received_at)
            self._names[event.type, event.event] = name
        name.add(event)


def properties_of(message: Mapping[str, object]) -> Mapping[str, object]:
    """The properties of a decoded message; none where they are no object."""
    properties = message.get("properties")
    return properties if isinstance(properties, dict) else {}
