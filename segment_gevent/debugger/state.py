"""All that the local Segment remembers, and how one waits for it to change."""

from __future__ import annotations

from collections.abc import Callable

import gevent
from gevent.event import Event as Flag

from segment_gevent.debugger.faults import Faults
from segment_gevent.debugger.journal import Journal
from segment_gevent.debugger.store import EventStore

# Seconds that one may ask to wait, at most.
MAX_WAIT = 600.0


class State:
    """Shared by the intake and the control API of one server. `changes` counts up with every change."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.journal = Journal()
        self.faults = Faults()
        self.held = 0
        self.changes = 0
        self._gate = Flag()
        self._changed = Flag()

    def changed(self) -> None:
        """Wake whoever waits for something to arrive. Never switches."""
        self.changes += 1
        flag, self._changed = self._changed, Flag()
        flag.set()

    def wait_until(self, reached: Callable[[], bool], timeout: float) -> bool:
        """Wait, cooperatively, at most `timeout` seconds; False when it was not reached by then."""
        with gevent.Timeout(timeout, False):  # type: ignore[arg-type]  # False: end the block, raise nothing
            while not reached():
                self._changed.wait()
        return reached()

    def hold(self) -> None:
        """Wait, cooperatively and without end, for the next `release`."""
        self.held += 1
        self.changed()
        try:
            self._gate.wait()
        finally:
            self.held -= 1

    def release(self) -> int:
        """Let go of everyone in `hold`; returns how many those were."""
        gate, self._gate = self._gate, Flag()
        gate.set()
        return self.held

    def reset(self) -> None:
        """Forget events, requests and faults, and let go of held answers."""
        self.store.reset()
        self.journal.reset()
        self.faults.replace([])
        self.release()
        self.changed()

    def counts(self) -> dict[str, int]:
        """The numbers that a page shows at its head."""
        return {**self.store.counts.short(), "requests": self.journal.total}
