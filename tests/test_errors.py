"""The errors: what each is caught as, and what a DeliveryError tells."""

from __future__ import annotations

import pytest

import segment_gevent as segment
from segment_gevent import errors
from segment_gevent.testing import response


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (segment.ConfigError, ValueError),
        (segment.ValidationError, ValueError),
        (segment.NotInitializedError, RuntimeError),
        (segment.DeliveryError, Exception),
    ],
)
def test_each_error_is_ours_and_what_python_calls_it(error: type[Exception], base: type[Exception]) -> None:
    """Who does not know this package catches a ValueError or RuntimeError."""
    assert issubclass(error, segment.SegmentError)
    assert issubclass(error, base)


def test_every_error_is_public() -> None:
    """Nothing is raised or reported that cannot be imported from the top."""
    ours = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, Exception)}
    assert ours <= set(segment.__all__)


def test_a_delivery_error_tells_the_last_answer() -> None:
    """`status` is that of `response`; both are None where no answer came."""
    answered = segment.DeliveryError("no", reason="status", response=response(400), attempts=1)
    assert (answered.status, answered.reason, answered.attempts) == (400, "status", 1)
    silent = segment.DeliveryError("no", reason="timeout")
    assert (silent.status, silent.response, silent.attempts) == (None, None, 0)
