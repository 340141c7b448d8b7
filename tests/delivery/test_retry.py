"""What an answer means: the whole table of statuses, and the waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from segment_gevent.delivery import retry

TRY_AGAIN = {408, 410, 429, 460} | (set(range(500, 600)) - {501, 505, 511})
DELIVERED = set(range(200, 300))
ABOUT_SENDER = {*range(300, 400), 401, 402, 403, 404, 405, 407, 421, 501, 505, 511}


def test_each_status_has_one_meaning() -> None:
    """Delivered, tried again, or given up: redirects, refusals and what is no HTTP status are given up."""
    statuses = range(100, 1_000)
    assert {status for status in statuses if retry.is_delivered(status)} == DELIVERED
    assert {status for status in statuses if retry.is_retryable(status)} == TRY_AGAIN
    assert {status for status in statuses if retry.is_about_sender(status)} == ABOUT_SENDER
    assert not retry.is_about_sender(None)


def test_the_waits_double_up_to_a_minute() -> None:
    """The first retry goes at once; the draw can make each of the others anything below."""
    assert [retry.backoff(number, 1.0) for number in range(1, 11)] == [0, 0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert {retry.backoff(number, 0.0) for number in range(1, 11)} == {0.0}
    assert retry.backoff(10**9, 1.0) == 60.0


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_wait_stays_in_its_bounds(number: int, draw: float) -> None:
    """However many retries, whatever the draw."""
    assert 0 <= retry.backoff(number, draw) <= retry.LONGEST_WAIT
