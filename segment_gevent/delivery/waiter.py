"""Somebody who waits for messages to move on, in whatever hub or thread."""

from __future__ import annotations

from gevent import get_hub
from gevent.event import Event

from segment_gevent.delivery.lifecycle import Home


class Waiter:
    """Somebody who waits for the fate of every message before `target`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.all_delivered = True
        self._changed = Event()
        self._hub = get_hub()

    def notify(self) -> None:
        """Have the waiter look again. From any thread; never switches."""
        Home(self._hub).call(self._changed.set)

    def wait(self, seconds: float) -> None:
        self._changed.wait(seconds)
        self._changed.clear()
