"""Those who wait for messages to move on, in whatever hub or thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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


class Waiters:
    """All who wait for the same thing. Iterating goes over those of that moment: they come and go meanwhile."""

    def __init__(self) -> None:
        self._waiters: list[Waiter] = []

    def __len__(self) -> int:
        return len(self._waiters)

    def __iter__(self) -> Iterator[Waiter]:
        return iter(self._waiters.copy())

    @contextmanager
    def waiting(self, target: int = 0) -> Iterator[Waiter]:
        """A waiter who is told of every `notify` meanwhile. Needs a hub."""
        waiter = Waiter(target)
        self._waiters.append(waiter)
        try:
            yield waiter
        finally:
            self._waiters.remove(waiter)

    def notify(self) -> None:
        """Have each look again. From any thread; never switches."""
        for waiter in self:
            waiter.notify()
