"""The fleet's rate: how many requests a second all relays together send to one host, and when none may go.

Both are in Redis, in one number and one key that expires; its clock is the only one that is asked.
"""

from __future__ import annotations

import time
from typing import Any

import gevent
import redis

from segment_gevent.delivery.outbox.keys import Keys
from segment_gevent.relay import scripts
from segment_gevent.relay.counts import Counts

BURST = 0.1
"""Seconds: a fleet that was idle may send so much of a second's requests at once."""

LOOK_AGAIN = 0.05
"""Seconds: who waited for longer asks once more whether a rate limit is on."""

LONGEST_SLEEP = 1.0
"""Seconds between two looks while one is on: it may be taken off by hand."""


class Limiter:
    """Admits requests of one relay."""

    def __init__(self, client: redis.Redis, keys: Keys, rate: float, counts: Counts) -> None:
        self._keys = keys
        self._interval = max(1, round(1e6 / rate))
        self._counts = counts
        self._admit: Any = client.register_script(scripts.ADMIT)
        self._pause: Any = client.register_script(scripts.PAUSE)

    def admit(self, host: str) -> None:
        """Wait, cooperatively, until a request to `host` may begin.

        Raises:
            redis.RedisError, OSError: as they come.
        """
        start = time.monotonic()
        is_booked = False
        while True:
            paused, ahead = self._ask(host, book=not is_booked)
            if paused:
                is_booked = False  # all who waited would go at once when it ends
                gevent.sleep(min(LONGEST_SLEEP, paused))
                continue
            is_booked = True
            if ahead:
                gevent.sleep(ahead)
            if ahead <= LOOK_AGAIN:
                break
        self._counts.waited_for_rate += time.monotonic() - start

    def pause(self, host: str, seconds: float) -> None:
        """A rate limit of `host` is on, for all relays, for so many seconds.

        Raises:
            redis.RedisError, OSError: as they come.
        """
        self._counts.paused += seconds
        self._pause(keys=[self._keys.pause(host)], args=[max(1, round(seconds * 1000))])

    def _ask(self, host: str, *, book: bool) -> tuple[float, float]:
        """Seconds of a rate limit that is on, and seconds until the request may begin."""
        keys = [self._keys.rate(host), self._keys.pause(host)]
        paused, ahead = self._admit(keys=keys, args=[self._interval, round(BURST * 1e6), int(book)])
        return paused / 1e6, ahead / 1e6
