"""The pace: how long an import waits between messages."""

from __future__ import annotations

import pytest

from segment_gevent.cli.importing.pace import CREDIT, Pace


class Clock:
    """Time that passes only where somebody sleeps, and a little longer than asked."""

    def __init__(self, *, late: float = 0.0) -> None:
        self.now = 100.0
        self._late = late

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self._late

    def read(self) -> float:
        return self.now


@pytest.mark.parametrize("rate", [0.5, 50, 500, 30_000])
@pytest.mark.parametrize("late", [0.0, 0.001])
def test_so_many_a_second_are_sent(rate: float, late: float) -> None:
    """No more, and no fewer though each sleep takes longer than it should."""
    clock = Clock(late=late)
    pace = Pace(rate, clock.sleep, clock.read)
    begin, count = clock.now, int(rate * 10)
    for _ in range(count):
        pace.await_turn()
    assert count / (clock.now - begin) == pytest.approx(rate, rel=0.01)


def test_an_outage_is_followed_by_no_burst() -> None:
    """What was not sent while the server was away is not made up for."""
    clock = Clock()
    pace = Pace(100, clock.sleep, clock.read)
    clock.now += 60
    back = clock.now
    for _ in range(100):
        pace.await_turn()
    assert clock.now - back >= 1 - CREDIT - 0.01
