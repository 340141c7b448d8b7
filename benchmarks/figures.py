"""The figures that are to be reached, each said once, and whether they are. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.plan import FLOOR, OFFICIAL, OURS, PEERS
from benchmarks.results import Results


@dataclass(frozen=True)
class Figure:
    """One figure of one case, and its bounds: in its unit, and as a share of what others take in the same run.

    What is in a unit depends on the machine, and so do, in part, the shares of other libraries: of what they do, other
    processors make other times (a call of the official one was 25 to 40 µs on one machine, 15 on another, ours 3 on
    both). The floor does what must be done and no more, so the quick mode goes by it alone. Its shares leave a tenth or
    more above what was measured, as far apart as runs are.
    """

    title: str
    unit: str
    case: str
    name: str
    more_is_better: bool = False
    limit: float | None = None
    of_official: float | None = None
    of_best: float | None = None
    of_floor: float | None = None


FIGURES = (
    Figure(
        "a live `track()` call, median", "µs", "calls", "median_us",
        limit=4, of_official=0.15, of_best=0.25, of_floor=2,
    ),
    Figure("its 99th percentile", "µs", "calls", "p99_us", limit=15, of_floor=4),
    Figure("CPU an event end to end, plain", "µs", "plain", "cpu_us", limit=7, of_official=0.09, of_floor=2.25),
    Figure("the same, gzip", "µs", "gzip", "cpu_us", limit=10, of_official=0.11, of_floor=2),
    Figure(
        "events a second, one process", "/s", "plain", "events_per_s", more_is_better=True, of_official=5,
        of_floor=0.5,
    ),
    Figure("CPU an event at a steady 2,000/s, gzip", "µs", "steady", "cpu_us", limit=20, of_floor=3),
    Figure("longest greenlet slice at 2,000/s, gzip, p99.9", "ms", "steady", "slice_p999_ms", limit=0.3, of_floor=1),
    Figure("the longest of all", "ms", "steady", "slice_max_ms", limit=1),
    Figure("memory a waiting message", "B", "memory", "bytes", limit=500, of_floor=1.05),
    Figure("its objects for the garbage collector", "", "memory", "objects", limit=0),
    Figure("import, on top of gevent", "ms", "imports", "ms", limit=15),
    Figure("its modules, the standard library's and gevent's apart", "", "imports", "modules", limit=35),
    Figure("native threads of its own", "", "plain", "threads", limit=0),
)  # fmt: skip


class Bound(NamedTuple):
    """One bound of a figure: its words, and whether ours keeps to it; None where something was not measured."""

    words: str
    of_floor: bool
    reached: bool | None


@dataclass(frozen=True)
class Standing:
    """Where a figure stands: the medians of ours and of the others, and the bounds."""

    figure: Figure
    ours: float | None
    official: float | None
    best: float | None
    best_name: str
    floor: float | None

    @classmethod
    def of(cls, figure: Figure, results: Results) -> Standing:
        def value(library: str) -> float | None:
            spread = results.spread(figure.case, library, figure.name)
            return spread.median if spread else None

        by_peer = {peer: measured for peer in PEERS if (measured := value(peer)) is not None}
        choose = max if figure.more_is_better else min
        best = choose(by_peer, key=by_peer.__getitem__) if by_peer else ""
        return cls(figure, value(OURS), value(OFFICIAL), by_peer.get(best), best, value(FLOOR))

    def bounds(self) -> Iterator[Bound]:
        """Every bound that the figure has."""
        figure = self.figure
        if figure.limit is not None:
            yield self._bound(f"{figure.limit:g} {figure.unit}".strip(), figure.limit, of_floor=False)
        shares = (
            (figure.of_official, self.official, "official"),
            (figure.of_best, self.best, "best"),
            (figure.of_floor, self.floor, "floor"),
        )
        for share, others, whose in shares:
            if share is not None:
                limit = None if others is None else share * others
                yield self._bound(f"{share:g} × {whose}", limit, of_floor=whose == "floor")

    def _bound(self, words: str, limit: float | None, *, of_floor: bool) -> Bound:
        more = self.figure.more_is_better
        reached = None
        if self.ours is not None and limit is not None:
            reached = self.ours >= limit if more else self.ours <= limit
        return Bound(f"{'≥' if more else '≤'} {words}", of_floor, reached)


def standings(results: Results) -> list[Standing]:
    """Where every figure stands that was measured."""
    made = (Standing.of(figure, results) for figure in FIGURES)
    return [standing for standing in made if standing.ours is not None]


def lost_shares(results: Results) -> list[str]:
    """The shares of the floor that ours does not keep to: what fails the quick mode."""
    return [
        f"{standing.figure.title}: {bound.words}"
        for standing in standings(results)
        for bound in standing.bounds()
        if bound.of_floor and bound.reached is False
    ]
