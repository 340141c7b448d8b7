"""The demo's two gauges: how long each call takes, and how long the hub does not turn."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import wraps
from statistics import median, quantiles
from time import perf_counter_ns
from typing import ParamSpec, TypeVar

import gevent

P = ParamSpec("P")
R = TypeVar("R")


class HubGauge:
    """The longest time that the hub did not come round: a timer that should fire every millisecond tells."""

    PERIOD = 0.001

    def __init__(self) -> None:
        self.longest_ns = 0
        self._last_ns = 0
        self._timer = gevent.get_hub().loop.timer(self.PERIOD, self.PERIOD, ref=False)

    def start(self) -> None:
        """Begin to watch; once is enough."""
        if not self._last_ns:
            self._last_ns = perf_counter_ns()
            self._timer.start(self._tick)

    def stop(self) -> None:
        """Watch no longer."""
        self._timer.stop()

    def _tick(self) -> None:
        now_ns = perf_counter_ns()
        self.longest_ns = max(self.longest_ns, now_ns - self._last_ns - int(self.PERIOD * 1e9))
        self._last_ns = now_ns


class CallGauge:
    """How long calls take, in nanoseconds; 8 bytes for each."""

    def __init__(self) -> None:
        self._taken = array("q")

    def __len__(self) -> int:
        return len(self._taken)

    def timed(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function, each call of which is timed."""
        add = self._taken.append

        @wraps(function)
        def call(*arguments: P.args, **keywords: P.kwargs) -> R:
            began = perf_counter_ns()
            result = function(*arguments, **keywords)
            add(perf_counter_ns() - began)
            return result

        return call

    @property
    def median_ns(self) -> float:
        """Half the calls took no longer; 0 before the first."""
        return median(self._taken) if self._taken else 0.0

    @property
    def late_ns(self) -> float:
        """99 of 100 calls took no longer; 0 before the first."""
        return quantiles(self._taken, n=100)[-1] if len(self) > 1 else self.median_ns
