"""The event is what the figures are said to be of."""

from __future__ import annotations

import orjson
import pytest

from benchmarks import event
from segment_gevent import Client
from segment_gevent.testing import RecordingTransport


def test_an_event_is_as_long_as_the_results_say() -> None:
    """441 bytes in a batch, give or take the digits of its number."""
    transport = RecordingTransport()
    with Client("key", transport=transport) as client:
        for number in range(1000, 2000):
            session, user, properties = event.make(number)
            client.track(session, user, event.NAME, properties)
    sizes = [len(orjson.dumps(message)) + 1 for message in transport.messages]
    assert sum(sizes) / len(sizes) == pytest.approx(441, abs=3)


@pytest.mark.parametrize("size", [60, 340, 32_000])
def test_a_sized_event_has_that_size(size: int) -> None:
    """To the byte, as JSON."""
    assert len(orjson.dumps(event.make_sized(7, size).properties)) == size


def test_the_sink_can_count_events() -> None:
    """The mark stands once in each, and no two are alike."""
    made = [orjson.dumps(event.make(number).properties) for number in range(1000)]
    assert {each.count(event.MARK.encode()) for each in made} == {1}
    assert len(set(made)) == 1000
