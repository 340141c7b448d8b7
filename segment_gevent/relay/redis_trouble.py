"""Redis away: what a relay does until it is back, and the two lines in the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

import gevent
from redis.exceptions import RedisError, ResponseError

from segment_gevent.delivery import retry
from segment_gevent.delivery.outbox.faults import delivery_error

T = TypeVar("T")

LONGEST_WAIT = 5.0
"""Seconds between two attempts, at most."""


class Persistence:
    """Does what asks Redis until it is done.

    Args:
        on_no_group: the group is gone, with the stream: makes it anew.
    """

    def __init__(self, shown: str, logger: logging.Logger, on_no_group: Callable[[], None]) -> None:
        self._shown = shown
        self._logger = logger
        self._on_no_group = on_no_group
        self._is_failing = False
        self.answered_at = 0.0
        """When Redis did what it was asked for last, in monotonic seconds."""

    def do(self, work: Callable[[], T]) -> T:
        """What `work` returns, as soon as Redis lets it; waits cooperatively, without an end."""
        attempts = 0
        while True:
            try:
                result = work()
            except (RedisError, OSError) as error:
                attempts += 1
                self._fails(error)
                if isinstance(error, ResponseError) and str(error).startswith("NOGROUP"):
                    self._remake_group()
            else:
                self._works()
                return result
            gevent.sleep(min(LONGEST_WAIT, retry.backoff(attempts + 1, 1.0)))

    def _remake_group(self) -> None:
        try:
            self._on_no_group()
        except (RedisError, OSError) as error:
            self._fails(error)

    def _works(self) -> None:
        self.answered_at = time.monotonic()
        if self._is_failing:
            self._is_failing = False
            self._logger.info("the outbox %s works again", self._shown)

    def _fails(self, error: Exception) -> None:
        if not self._is_failing:
            self._is_failing = True
            self._logger.warning("the outbox fails, and is tried again: %s", delivery_error(error, self._shown))
