"""What takes the place of delivery in a test of an application: all is recorded, or refused, and nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import segment_gevent as segment
from segment_gevent.client import Diversion
from segment_gevent.delivery.disabled import Disabled
from segment_gevent.events.message import MESSAGE_LIMIT
from segment_gevent.testing.events import SegmentEvents


class Recorder(Disabled):
    """Accepts what a pipeline would, and counts it as delivered at once."""

    def __init__(self, events: SegmentEvents) -> None:
        super().__init__()
        self._events = events

    def submit(self, message: bytes, counter: str) -> bool:
        if len(message) > MESSAGE_LIMIT:
            return self.refuse(message, counter, "too_large")
        self._counters.count_call(counter)
        self._events.record(message)
        self._counters.settle(delivered=1)
        return True

    def refuse(self, message: bytes, counter: str, reason: str) -> bool:  # noqa: ARG002 - as a pipeline's
        self._counters.count_call(counter)
        self._counters.drop(reason)
        return False


@contextmanager
def recorded() -> Iterator[SegmentEvents]:
    """In the block, what every client is called with goes into the events, and nowhere else. Never switches.

    Without a default client one is made, which is disabled after the block. What the block binds is gone after it.

    >>> with recorded() as events:
    ...     segment.track(user_id="ilya", event="Order Completed", properties={"total": 30})
    True
    >>> bool(events.tracked("Order Completed", user_id="ilya", properties__total=30))
    True
    """
    if segment.default_client is None:
        segment.initialize("segment-events", enabled=False)
    events = SegmentEvents()
    with segment.bound_context(), Diversion(Recorder(events)):
        yield events


@contextmanager
def disabled() -> Iterator[None]:
    """In the block, every client refuses what it is called with, as with `enabled=False`; also a decorator.

    Around a test that makes events by the thousand, or of what an application does when an event is refused.
    """
    with Diversion(Disabled()):
        yield
