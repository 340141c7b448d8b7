"""What is counted of the events that arrived, whether or not they are still kept. Pure, and bounded."""

from __future__ import annotations

from collections import Counter, deque

from segment_gevent.debugger.catalogue import Catalogue
from segment_gevent.debugger.event import Event

MAX_IDS = 1_000_000
# A client that puts an id into its event names would fill the memory with counters; past this many names the rest
# are counted together.
MAX_NAMES = 10_000
OTHER_NAMES = "(other names)"
CHART_SECONDS = 300
_NAMED_PLACES = ("page", "screen")


class SeenIds:
    """The messageIds met so far: at least the newest `limit // 2`, at most `limit`, in two generations of a set.

    Of an id its hash is kept, in half the memory: that two of a million are alike has a chance of one in 10**7.
    """

    __slots__ = ("_half", "_new", "_old")

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._new: set[int] = set()
        self._old: set[int] = set()

    def add(self, message_id: str) -> bool:
        """Remember the id; True when it was known."""
        known = hash(message_id)
        if known in self._new or known in self._old:
            return True
        self._new.add(known)
        if len(self._new) >= self._half:
            self._old, self._new = self._new, set()
        return False


class Chart:
    """How many events of each type came in each of the last seconds in which one came."""

    def __init__(self, seconds: int = CHART_SECONDS) -> None:
        self._seconds: deque[tuple[int, Counter[str]]] = deque(maxlen=seconds)

    @property
    def newest(self) -> int:
        """The last second in which an event came; -1 before the first."""
        return self._seconds[-1][0] if self._seconds else -1

    def add(self, event: Event) -> None:
        """Count an event at the second of its arrival."""
        second = int(event.received_at)
        # A clock that is set back must not open a second twice.
        if self.newest < second:
            self._seconds.append((second, Counter()))
        self._seconds[-1][1][event.type] += 1

    def since(self, second: float) -> dict[str, dict[str, int]]:
        """The counts by type of each second from the given one on, by the second as JSON names it."""
        return {str(each): dict(counts) for each, counts in self._seconds if each >= int(second)}


class Counts:
    """Counts of all events since the start or the last reset."""

    def __init__(self, max_ids: int = MAX_IDS) -> None:
        self.seen = SeenIds(max_ids)
        self.by_type: Counter[str] = Counter()
        self.by_event: Counter[str] = Counter()
        self.catalogue = Catalogue()
        self.chart = Chart()
        self.total = 0
        self.invalid = 0
        self.duplicates = 0
        self.distinct = 0

    def arrived(self, event: Event) -> None:
        """Mark an accepted event as a duplicate when its messageId came before; count either."""
        if event.message_id is not None and self.seen.add(event.message_id):
            event.duplicate = True
            self.duplicates += 1
        else:
            self.distinct += 1

    def add(self, event: Event) -> None:
        """Count an event, accepted or not."""
        self.total += 1
        if event.problems:
            self.invalid += 1
        self.by_type[event.type] += 1
        if event.event is not None and event.type not in _NAMED_PLACES:
            known = event.event in self.by_event or len(self.by_event) < MAX_NAMES
            self.by_event[event.event if known else OTHER_NAMES] += 1
        self.catalogue.add(event)
        self.chart.add(event)

    def short(self) -> dict[str, int]:
        """The numbers that a page shows at its head."""
        return {
            "total": self.total,
            "valid": self.total - self.invalid,
            "invalid": self.invalid,
            "duplicates": self.duplicates,
        }

    def summary(self) -> dict[str, object]:
        """The same with the counts by type and by event name."""
        return {**self.short(), "byType": dict(self.by_type), "byEvent": dict(self.by_event)}
