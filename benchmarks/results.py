"""What came out: the figures of every run, their medians and quartiles, without the empty harness. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import median, quantiles
from typing import NamedTuple

from benchmarks.plan import HARNESS

_NET = {"cpu_us", "median_us", "p99_us"}


def is_net(name: str) -> bool:
    """Whether the empty harness's part is taken off a figure: CPU and calls, also those named by a number."""
    return name in _NET or name.isdigit()


class Spread(NamedTuple):
    """The quartiles of one figure over all rounds."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        if len(values) < 2:
            return cls(values[0], values[0], values[0])
        low, _, high = quantiles(values, method="inclusive")
        return cls(low, median(values), high)


class Results:
    """Figures by case, library and name."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str, str], list[float]] = defaultdict(list)

    def add(self, case: str, library: str, figures: Mapping[str, float]) -> None:
        """What one run gave."""
        for name, value in figures.items():
            self._values[case, library, name].append(value)

    def values(self, case: str, library: str, name: str) -> list[float]:
        """A figure of every round, as it was measured."""
        return self._values.get((case, library, name), [])

    def spread(self, case: str, library: str, name: str) -> Spread | None:
        """A figure over all rounds, None where there is none."""
        values = self.values(case, library, name)
        if not values:
            return None
        harness = self.spread(case, HARNESS, name) if is_net(name) and library != HARNESS else None
        taken_off = harness.median if harness else 0.0
        return Spread.of([value - taken_off for value in values])

    def names(self, case: str) -> list[str]:
        """The figures of a case, in the order of their first coming."""
        return list(dict.fromkeys(name for each, _, name in self._values if each == case))

    def libraries(self, case: str) -> Iterable[str]:
        """Who was measured."""
        return dict.fromkeys(library for each, library, _ in self._values if each == case)
