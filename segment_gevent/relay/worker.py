"""A worker: takes a batch from the lanes, has it sent when the fleet's rate lets it, and sees to what came of it."""

from __future__ import annotations

import logging
import os
import time

from segment_gevent.delivery import retry
from segment_gevent.delivery.sender import Outcome
from segment_gevent.relay.carrier import Carrier
from segment_gevent.relay.counts import Counts
from segment_gevent.relay.hand import Hand
from segment_gevent.relay.lanes import Lane, Lanes
from segment_gevent.relay.limiter import Limiter
from segment_gevent.relay.parcel import Parcel
from segment_gevent.relay.redis_trouble import Persistence

_TEXT_LIMIT = 200  # characters of what a server says about a refusal


class Worker:
    """Works until it is killed; a batch that it had then has no outcome."""

    def __init__(
        self,
        lanes: Lanes,
        hand: Hand,
        limiter: Limiter,
        carrier: Carrier,
        persistence: Persistence,
        counts: Counts,
        logger: logging.Logger,
        *,
        max_refusals: int,
    ) -> None:
        self._lanes = lanes
        self._hand = hand
        self._limiter = limiter
        self._carrier = carrier
        self._persistence = persistence
        self._counts = counts
        self._logger = logger
        self._max_refusals = max_refusals

    def run(self) -> None:
        while True:
            parcel = self._lanes.take()
            if self._may_begin(parcel):
                self._counts.bytes_sent += parcel.size
                self._see_to(parcel, self._carrier.send(parcel))

    def _may_begin(self, parcel: Parcel) -> bool:
        """Whether its turn has come; else it waits in its lane, and this worker is there for other hosts."""
        host = parcel.address.host
        refusal = self._persistence.do(lambda: self._limiter.admit(host))
        # It may be held by now: another batch was answered while this one waited for its turn.
        if refusal is None and self._lanes[parcel.address].held_until <= time.monotonic():
            return True
        self._lanes.put_back([parcel])
        if refusal is not None and refusal.is_paused:
            for lane in self._lanes.hold(host, refusal.seconds):
                self._hand.relieve(lane.address)
        elif refusal is not None:
            self._lanes.defer(host, refusal.seconds)
        return False

    def _see_to(self, parcel: Parcel, outcome: Outcome) -> None:
        error, lane = outcome.error, self._lanes[parcel.address]
        status = getattr(outcome.response, "status_code", None)
        self._counts.requests[str(status) if error is None or status else error.reason] += 1
        parcel.refusals += outcome.is_about_sender
        if error is None:
            lane.failures = 0
            self._hand.settle(parcel)
        elif outcome.pieces:
            self._lanes.put_back([piece for piece in outcome.pieces if isinstance(piece, Parcel)])
        elif outcome.is_final and (not outcome.is_about_sender or parcel.refusals >= self._max_refusals):
            self._logger.error("%d messages for %s are dead letters: %s", len(parcel), lane.address.host, error)
            self._hand.settle(parcel, _reason(outcome))
        else:
            self._lanes.put_back([parcel])
            self._hold(lane, outcome)

    def _hold(self, lane: Lane, outcome: Outcome) -> None:
        """No batch of this lane for a while; after a 429, none of any relay to its host."""
        now = time.monotonic()
        if lane.held_until <= now:  # those that were on their way together are one failure
            lane.failures += 1
        wait = max(outcome.asked, retry.backoff(lane.failures + 1, 0.5 + _draw() / 2))
        lane.held_until = max(lane.held_until, now + wait, self._carrier.resumes_at(lane.address))
        self._hand.relieve(lane.address)
        if outcome.error is not None and outcome.error.status == retry.RATE_LIMIT:
            self._persistence.do(lambda: self._limiter.pause(lane.address.host, wait))


def _reason(outcome: Outcome) -> str:
    text = getattr(outcome.response, "text", "")
    said = f": {text[:_TEXT_LIMIT]}" if isinstance(text, str) and text else ""
    return f"{outcome.error}{said}"


def _draw() -> float:
    """A number from 0 to 1, so that relays which failed together do not come back together."""
    return int.from_bytes(os.urandom(2), "big") / 0xFFFF
