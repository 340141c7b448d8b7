"""The stand-in for a pipeline where `enabled=False`: it counts, and touches neither a hub nor the network."""

from __future__ import annotations

from segment_gevent.counters import Counters, Health, Stats
from segment_gevent.events.message import MessageIds


class Disabled:
    """Refuses every message, with the reason `"disabled"`."""

    def __init__(self) -> None:
        self._counters = Counters()
        self.new_id = MessageIds("disabled").next

    def submit(self, message: bytes, counter: str) -> bool:  # noqa: ARG002 - as a pipeline's, here and below
        self._counters.count_call(counter)
        self._counters.drop("disabled")
        return False

    def refuse(self, message: bytes, counter: str, reason: str) -> bool:  # noqa: ARG002
        return self.submit(message, counter)

    def flush(self, timeout: float) -> bool:  # noqa: ARG002
        return True

    def shutdown(self, timeout: float) -> bool:  # noqa: ARG002
        return True

    def hasten(self) -> None:
        pass

    def close_idle(self) -> None:
        pass

    def look(self, *, is_asked: bool = True) -> None:
        pass

    def warm_up(self) -> None:
        pass

    def health(self) -> Health:
        return Health(ok=True, reason="disabled")

    def stats(self) -> Stats:
        return self._counters.snapshot(oldest_age=0.0, flusher_alive=False)
