"""The fleet's rate: how many requests a second all relays together send to one host, and when none may go.

Both are in Redis, in one number and one key that expires; its clock is the only one that is asked.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import gevent
import redis

from segment_gevent.delivery.outbox.keys import Keys
from segment_gevent.relay import scripts
from segment_gevent.relay.counts import Counts

BURST = 0.1
"""Seconds: a fleet that was idle may send so much of a second's requests at once."""

LONGEST_TURN = 0.05
"""Seconds that a worker waits for a request's turn; until a later one it sees to other hosts."""


class Refusal(NamedTuple):
    """A request may not begin yet: ask again in so many seconds."""

    seconds: float
    is_paused: bool
    """A rate limit of the host is on; else it is only that its turn has not come."""


class Limiter:
    """Admits requests of one relay."""

    def __init__(self, client: redis.Redis, keys: Keys, rate: float, counts: Counts) -> None:
        self._keys = keys
        self._interval = max(1, round(1e6 / rate))
        self._counts = counts
        self._admit: Any = client.register_script(scripts.ADMIT)
        self._pause: Any = client.register_script(scripts.PAUSE)

    def admit(self, host: str) -> Refusal | None:
        """Have a request to `host` begin now, or after a short wait, cooperatively; else say when to ask again.

        Raises:
            redis.RedisError, OSError: as they come.
        """
        keys = [self._keys.rate(host), self._keys.pause(host)]
        answer = self._admit(keys=keys, args=[self._interval, round(BURST * 1e6), round(LONGEST_TURN * 1e6)])
        paused, ahead = (microseconds / 1e6 for microseconds in answer)
        if paused:
            return Refusal(paused, is_paused=True)
        if ahead > LONGEST_TURN:
            self._counts.waited_for_rate += ahead
            return Refusal(ahead, is_paused=False)
        if ahead:
            gevent.sleep(ahead)
            self._counts.waited_for_rate += ahead
        return None

    def pause(self, host: str, seconds: float) -> None:
        """A rate limit of `host` is on, for all relays, for so many seconds.

        Raises:
            redis.RedisError, OSError: as they come.
        """
        self._counts.paused += seconds
        self._pause(keys=[self._keys.pause(host)], args=[max(1, round(seconds * 1000))])
