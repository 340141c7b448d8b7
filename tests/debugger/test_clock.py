"""Times are written as Segment writes them, and read with their zone."""

import pytest

from segment_gevent.debugger.clock import parse_time, timestamp


def test_times_are_written_as_segment_writes_them() -> None:
    """UTC, milliseconds and Z; and read back to the same moment."""
    assert timestamp(0.5) == "1970-01-01T00:00:00.500Z"
    assert parse_time(timestamp(1_795_447_180.388)) == 1_795_447_180.388


def test_a_time_without_a_zone_is_none() -> None:
    """Whose it is cannot be told."""
    with pytest.raises(ValueError, match="zone"):
        parse_time("2026-11-23T15:19:40")
