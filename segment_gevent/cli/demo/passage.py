"""How the client came through one trouble: how much waited, how large the batches grew, when all of it was delivered.
Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segment_gevent.words import counted


@dataclass(frozen=True, slots=True)
class Counts:
    """One moment of the shop's client: of its `stats`, what the demo looks at."""

    submitted: int = 0
    delivered: int = 0
    pending: int = 0
    batches: int = 0
    retries: int = 0

    @classmethod
    def of(cls, told: Mapping[str, int]) -> Counts:
        """Those of them that the shop's process told."""
        return cls(**{name: told[name] for name in cls.__slots__})


class Passage:
    """From the beginning of a trouble until all is delivered that waited at its end.

    Times are in seconds since the demo's start; requests are numbered by the local Segment.

    Attributes:
        fullest: so many messages waited at once.
        through: how long after the end the last of them was delivered; None until then.
        refused: requests that the trouble met.
        usual, largest: messages in a batch: the median before it, and the largest after it had begun.
    """

    def __init__(self, name: str, began: float, requests: int) -> None:
        self.name = name
        self.fullest = 0
        self.through: float | None = None
        self.refused = self.usual = self.largest = 0
        self._began = began
        self._ended: float | None = None
        self._submitted = 0
        self._first = requests + 1
        self._last = requests

    def end(self, elapsed: float, counts: Counts, requests: int) -> None:
        """It is over."""
        self._ended, self._last = elapsed, requests
        self._submitted = counts.submitted

    def see(self, elapsed: float, counts: Counts) -> Iterator[str]:
        """Take in a moment; yields one line when the client is through."""
        if self.through is not None:
            return
        self.fullest = max(self.fullest, counts.pending)
        if self._ended is not None and counts.delivered >= self._submitted:
            self.through = elapsed - self._ended
            yield f"everything that waited is delivered, {self.through:.1f} s after the end of the {self.name}"

    def read(self, journal: Iterable[Mapping[str, Any]], following: Passage | None = None) -> None:
        """Take in the requests that the local Segment had, as its journal shows them, up to the following passage."""
        upto = float("inf") if following is None else following._first
        requests = [each for each in journal if each["number"] < upto]
        met = [each for each in requests if self._first <= each["number"] <= self._last and each["fault"]]
        taken = [each for each in requests if each["status"] == 200]
        before = sorted(each["count"] for each in taken if each["number"] < self._first)
        self.refused = len(met)
        self.usual = before[len(before) // 2] if before else 0
        self.largest = max((each["count"] for each in taken if each["number"] >= self._first), default=0)

    @property
    def line(self) -> str:
        """What a report says of it."""
        lasted = "" if self._ended is None else f" of {self._ended - self._began:.1f} s"
        grew = f"the queue grew to {self.fullest:,}, batches from {self.usual:,} to {self.largest:,}"
        through = "" if self.through is None else f", all delivered {self.through:.1f} s after it"
        return f"{self.name}{lasted}: {counted(self.refused, 'request')} refused, {grew}{through}"
