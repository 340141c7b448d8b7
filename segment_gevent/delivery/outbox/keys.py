"""The names of what an outbox has in Redis. In a cluster all of them are in one slot, that of the stream. Pure."""

from __future__ import annotations

from typing import NamedTuple

GROUP = "relays"
"""The consumer group."""

PARKED = "parked"
"""A consumer of it that is no relay."""


class Keys(NamedTuple):
    """What belongs to one stream."""

    stream: str

    @property
    def dead(self) -> str:
        """The stream of dead letters."""
        return f"{{{self.stream}}}:dead"

    @property
    def counts(self) -> str:
        """A hash: what the relays counted, all of them together."""
        return f"{{{self.stream}}}:counts"

    def rate(self, host: str) -> str:
        """A number: the time until which requests to `host` are booked, in microseconds."""
        return f"{{{self.stream}}}:rate:{host}"

    def pause(self, host: str) -> str:
        """There while a rate limit of `host` is on, and expires with it."""
        return f"{{{self.stream}}}:pause:{host}"
