"""The events that arrived: the newest of them in memory, within bounds, and counts of all.

Pure but for memory: no clock, no I/O, never switches greenlets.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

MAX_EVENTS = 100_000
MAX_BYTES = 256 * 1024 * 1024
MAX_IDS = 1_000_000
# A client that puts an id into its event names would fill the memory with counters; past this many names the rest
# are counted together.
MAX_NAMES = 10_000
OTHER_NAMES = "(other names)"


@dataclass(slots=True)
class Event:
    """One message as it arrived: its JSON, what can be asked of it without decoding, and what was wrong with it.

    `received_at` is in unix seconds, `batch` the number of the request that carried it.
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

    @property
    def valid(self) -> bool:
        """True when nothing is wrong with it."""
        return not self.problems


class SeenIds:
    """The messageIds met so far: at least the newest `limit // 2`, at most `limit`, in two generations of a set."""

    __slots__ = ("_half", "_new", "_old")

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._new: set[str] = set()
        self._old: set[str] = set()

    def add(self, message_id: str) -> bool:
        """Remember the id; True when it was known."""
        if message_id in self._new or message_id in self._old:
            return True
        self._new.add(message_id)
        if len(self._new) >= self._half:
            self._old, self._new = self._new, set()
        return False


class EventStore:
    """Keeps the newest events, at most `max_events` of them and `max_bytes` of JSON; counts every one since `reset`."""

    def __init__(self, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES, max_ids: int = MAX_IDS) -> None:
        self.max_events = max_events
        self.max_bytes = max_bytes
        self.max_ids = max_ids
        self.reset()

    def reset(self) -> None:
        """Forget every event, id and count."""
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._seen = SeenIds(self.max_ids)
        self._by_type: Counter[str] = Counter()
        self._by_event: Counter[str] = Counter()
        self.total = 0
        self.invalid = 0
        self.duplicates = 0
        self.distinct = 0

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        """The kept events, newest first, as they stood when this was called."""
        return reversed(list(self._events))

    def add(self, event: Event) -> None:
        """Keep and count an accepted event; marks it as a duplicate when its messageId came before."""
        if event.message_id is not None and self._seen.add(event.message_id):
            event.duplicate = True
            self.duplicates += 1
        else:
            self.distinct += 1
        self._keep(event)

    def add_refused(self, event: Event) -> None:
        """Keep and count an event whose request was refused: it can be read, but its messageId did not arrive."""
        self._keep(event)

    def summary(self) -> dict[str, object]:
        """Counts since the last `reset`, evicted events included."""
        return {
            "total": self.total,
            "valid": self.total - self.invalid,
            "invalid": self.invalid,
            "duplicates": self.duplicates,
            "byType": dict(self._by_type),
            "byEvent": dict(self._by_event),
        }

    def _keep(self, event: Event) -> None:
        self.total += 1
        if event.problems:
            self.invalid += 1
        self._by_type[event.type] += 1
        if event.event is not None:
            known = event.event in self._by_event or len(self._by_event) < MAX_NAMES
            self._by_event[event.event if known else OTHER_NAMES] += 1
        self._events.append(event)
        self._bytes += len(event.message)
        while len(self._events) > self.max_events or self._bytes > self.max_bytes:
            self._bytes -= len(self._events.popleft().message)
