"""What goes wrong with the local Segment while the demo's visitors are there, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from segment_gevent.cli.demo.passage import Counts, Passage
from segment_gevent.debugger.process import LocalSegment

# Shares of the whole, and seconds at most: the client's waits double while an outage lasts, and it is shown soon after.
_LIMIT_BEGINS, _LIMIT_LASTS, _LONGEST_LIMIT = 0.25, 1 / 8, 5
_OUTAGE_BEGINS, _OUTAGE_LASTS, _LONGEST_OUTAGE = 0.5, 1 / 4, 8.0
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that the local Segment does from `begins` on, for `lasts`: seconds since the demo's start."""

    name: str
    words: str
    faults: tuple[dict[str, Any], ...]
    begins: float
    lasts: float


def troubles(seconds: float) -> tuple[Trouble, ...]:
    """A rate limit and an outage, for a demo of so many seconds.

    >>> [(trouble.name, trouble.begins, trouble.lasts) for trouble in troubles(20)]
    [('rate limit', 5.0, 2), ('outage', 10.0, 5.0)]
    """
    retry_after = max(1, min(int(seconds * _LIMIT_LASTS), _LONGEST_LIMIT))  # the header has whole seconds
    limit = {"status": 429, "headers": {"Retry-After": str(retry_after)}}
    outage = {"drop": "before", "times": None}
    limits = f"answers 429 Too Many Requests, Retry-After: {retry_after}"
    lasts = min(seconds * _OUTAGE_LASTS, _LONGEST_OUTAGE)
    away = "is away: connections end without an answer"
    return (
        Trouble("rate limit", limits, (limit,), seconds * _LIMIT_BEGINS, retry_after),
        Trouble("outage", away, (outage,), seconds * _OUTAGE_BEGINS, lasts),
    )


class Weather:
    """Brings troubles over a local Segment, one after another, and takes each away again."""

    def __init__(self, local: LocalSegment, to_come: Iterable[Trouble]) -> None:
        self._passages: list[Passage] = []
        self._local = local
        self._to_come = list(to_come)
        self._now: Trouble | None = None
        self._until = 0.0

    @property
    def words(self) -> str:
        """What the local Segment does at present; "" while nothing is wrong."""
        return "" if self._now is None else self._now.words

    @property
    def is_over(self) -> bool:
        """Whether every trouble has come and gone."""
        return self._now is None and not self._to_come

    def turn(self, elapsed: float, counts: Counts) -> Iterator[str]:
        """Begin and end what is due after `elapsed` seconds; yields what happened, in words. Cooperative."""
        if self._now is not None and elapsed >= self._until:
            yield self._end(elapsed, counts)
        for passage in self._passages:
            yield from passage.see(elapsed, counts)
        if self._now is None and self._to_come and elapsed >= self._to_come[0].begins + self._patience():
            yield self._begin(elapsed)

    def _patience(self) -> float:
        """How much later than planned the next trouble may begin: the client is to come through the last one first."""
        is_through = not self._passages or self._passages[-1].through is not None
        return 0.0 if is_through else _PATIENCE

    def lines(self, journal: Sequence[Mapping[str, Any]]) -> list[str]:
        """How the client came through each, by the requests that the local Segment's journal shows."""
        for passage, following in zip_longest(self._passages, self._passages[1:]):
            passage.read(journal, following)
        return [passage.line for passage in self._passages]

    def _begin(self, elapsed: float) -> str:
        self._now = self._to_come.pop(0)
        self._until = elapsed + self._now.lasts
        self._passages.append(Passage(self._now.name, elapsed, self._local.summary()["requests"]))
        self._local.faults(self._now.faults)
        return f"Segment {self._now.words}"

    def _end(self, elapsed: float, counts: Counts) -> str:
        assert self._now is not None
        self._local.faults([])
        name, self._now = self._now.name, None
        self._passages[-1].end(elapsed, counts, self._local.summary()["requests"])
        return f"the {name} is over: {counts.pending:,} calls wait"
