"""Fates: what became of each message is counted, said in the log where it is trouble, and told to who listens."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

import orjson
from gevent import getcurrent

from segment_gevent.counters import Counters
from segment_gevent.delivery.flights import Flight
from segment_gevent.delivery.reporter import Callbacks, Reporter
from segment_gevent.delivery.sender import Outcome
from segment_gevent.delivery.trouble import Trouble
from segment_gevent.words import counted


class Fates:
    """Records fates. Its methods never switch: the callbacks run in the reporter's greenlet."""

    def __init__(self, counters: Counters, callbacks: Callbacks, reporter: Reporter, logger: logging.Logger) -> None:
        self._counters = counters
        self._callbacks = callbacks
        self._reporter = reporter
        self._losing = Trouble(logger)
        self._telling_drops: set[object] = set()

    @property
    def is_losing(self) -> bool:
        """Whether the last batch was given up."""
        return bool(self._losing)

    def settle(self, flight: Flight, outcome: Outcome) -> None:
        """The flight was delivered, given up, or put on disk."""
        if outcome.is_spooled:
            self._counters.spool(len(flight))
            return
        delivered = len(flight) if outcome.is_delivered else 0
        self._counters.settle(delivered=delivered, failed=len(flight) - delivered)
        self._tell(flight, outcome)

    def settle_replay(self, flight: Flight, outcome: Outcome, *, of_mine: int) -> None:
        """The flight from disk was delivered or given up; so many of its messages had been spooled by this process."""
        self._counters.replay(len(flight), of_mine, delivered=outcome.is_delivered)
        self._tell(flight, outcome)

    def drop(self, messages: Iterable[bytes], reason: str) -> None:
        """The messages were refused or abandoned."""
        # What an on_drop callback tracks and is dropped too is not told again: it would never end.
        is_told = self._callbacks.of("drop") and getcurrent() not in self._telling_drops
        for message in messages:
            self._counters.drop(reason)
            if is_told:
                self._reporter.put(partial(self._tell_drop, message, reason), len(message))

    def lose_spooled(self, messages: int, bodies: Iterable[bytes], reason: str) -> None:
        """So many messages that this process had spooled are gone; `bodies` are those that could still be read."""
        self._counters.lose_spooled(messages, reason)
        if self._callbacks.of("drop"):
            for body in bodies:
                self._reporter.put(partial(self._tell_drop, body, reason), len(body))

    def _tell(self, flight: Flight, outcome: Outcome) -> None:
        if outcome.error is None:
            self._losing.end("batches are delivered again; %s failed before")
            listeners = self._callbacks.of("success")
        else:
            self._losing.start(
                "gave up on a batch of %s after %s: %s",
                counted(len(flight), "message"),
                counted(flight.attempts, "attempt"),
                outcome.error,
                messages=len(flight),
                level=logging.ERROR,
            )
            listeners = self._callbacks.of("failure")
        if listeners:
            result = outcome.response if outcome.error is None else outcome.error
            self._reporter.put(
                lambda: self._reporter.tell(listeners, flight.payload(flight.sent_at), result), flight.size
            )

    def _tell_drop(self, message: bytes, reason: str) -> None:
        me = getcurrent()
        self._telling_drops.add(me)
        try:
            self._reporter.tell(self._callbacks.of("drop"), orjson.loads(message), reason)
        finally:
            self._telling_drops.discard(me)
