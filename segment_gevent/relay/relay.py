"""One relay: its greenlets, from the first entry to a clean end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import gevent
from gevent import Greenlet
from gevent.event import Event

from segment_gevent.delivery.outbox.connections import client
from segment_gevent.delivery.outbox.keys import Keys
from segment_gevent.delivery.outbox.session import sockets_of
from segment_gevent.relay.carrier import Carrier
from segment_gevent.relay.counts import Counts
from segment_gevent.relay.group import Group, consumer_name
from segment_gevent.relay.hand import Hand
from segment_gevent.relay.lanes import Lanes
from segment_gevent.relay.limiter import Limiter
from segment_gevent.relay.redis_trouble import Persistence
from segment_gevent.relay.settings import Settings
from segment_gevent.relay.soundness import complaints
from segment_gevent.relay.worker import Worker

READ_WAIT = 0.3
"""Seconds that a read waits in Redis for the next entry; a relay that is to stop is held up for so long."""

READ_BYTES = 4_000_000
"""Bytes that one read should bring, about; more would hold Redis and this hub."""

READ_AT_MOST = 500
"""Entries of one read, and of one claim."""

TRIM_EVERY = 5.0
"""Seconds between two looks whether the stream is past its bounds."""

SWEPT_AFTER = 10
"""A consumer without entries is removed when it was silent for so many times `claim_after`."""


class Relay:
    """Takes entries from the stream, and has their messages sent, until it is told to stop."""

    def __init__(self, settings: Settings, logger: logging.Logger) -> None:
        self._settings = settings
        self._logger = logger
        self.counts = Counts()
        self.keys = Keys(settings.outbox.stream)
        self._sockets = sockets_of(settings.outbox, settings.options.verify)
        self.redis = client(settings.outbox, self._sockets, timeout=settings.options.timeout)
        self.group = Group(self.redis, self.keys, consumer_name())
        self.persistence = Persistence(settings.outbox.shown, logger, self.group.create)
        self.lanes = Lanes(settings.linger)
        self.hand = Hand(
            self.lanes,
            self.counts,
            host=settings.host,
            max_bytes=settings.max_bytes,
            max_deliveries=settings.max_deliveries,
        )
        self._limiter = Limiter(self.redis, self.keys, settings.rate, self.counts)
        self._carrier = Carrier(settings.options, logger)
        self._stopping = Event()
        self._deadline = float("inf")
        self._failure: BaseException | None = None
        self._entry_bytes = 50_000.0  # of an entry, on average

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Begin to end; asked a second time, at once. Never switches, and is fit for a signal handler in the hub."""
        self._deadline = 0.0 if self.is_stopping else time.monotonic() + self._settings.stop_within
        self._stopping.set()

    def run(self) -> int:
        """Relay until told to stop; the exit code, 1 where a part of it failed."""
        intake: list[Greenlet[[], None]] = [self._spawn(self._begin)]
        rest: list[Greenlet[[], None]] = []
        try:
            rest = [self._spawn(self._finish_entries), self._spawn(self._keep)]
            workers = [self._spawn(self._worker().run) for _ in range(self._settings.workers)]
            self._stopping.wait()
            self._wind_up(intake, workers)
        finally:
            gevent.killall([*intake, *rest])
            self._carrier.close()
            self.redis.connection_pool.disconnect()
        if self._failure is not None:
            self._logger.error("the relay failed: %s", type(self._failure).__name__, exc_info=self._failure)
            return 1
        return 0

    # Intake.

    def _begin(self) -> None:
        self.persistence.do(self.group.create)
        for complaint in self.persistence.do(lambda: complaints(self.redis)):
            self._logger.warning("%s", complaint)
        self._logger.info("relaying %s as %s", self._settings.outbox.shown, self.group.name)
        claimer = self._spawn(self._claim)
        try:
            self._read()
            claimer.join()
        finally:
            claimer.kill()  # it asks a Redis that is away without an end

    def _read(self) -> None:
        while not self.is_stopping:
            if self.hand.room <= 0:
                self.hand.is_eased.clear()
                self.hand.is_eased.wait(READ_WAIT)
                continue
            entries = self.persistence.do(lambda: self.group.read(self._count(), READ_WAIT))
            self.counts.entries_read += len(entries)
            for entry in entries:
                self._entry_bytes += 0.1 * (len(entry[1].get(b"b", b"")) - self._entry_bytes)
                self.hand.receive(entry)

    def _claim(self) -> None:
        """What dead relays left, now and then; more often while there is more of it."""
        at = "0-0"
        while not self.is_stopping:
            if self.hand.room > 0:
                parked = self.counts.entries_parked
                at = self.persistence.do(lambda start=at: self._claim_some(start))  # type: ignore[misc]
                # What was put aside is still not wanted: to go through all of it now would be a circle.
                if at != "0-0" and self.counts.entries_parked == parked:
                    continue
                self.persistence.do(lambda: self.group.sweep(SWEPT_AFTER * self._settings.claim_after))
            self._stopping.wait(self._settings.claim_after / 2)

    def _claim_some(self, start: str) -> str:
        entries, following = self.group.claim(self._settings.claim_after, self._count(), start)
        if entries:
            deliveries = self.group.deliveries(entries[0][0], entries[-1][0])
            self.counts.entries_claimed += sum(entry_id not in self.hand.held for entry_id, _ in entries)
            for entry in entries:
                self.hand.receive(entry, deliveries.get(entry[0], 1))
        return following

    def _count(self) -> int:
        """Entries to ask for."""
        size = min(READ_BYTES, self.hand.room)
        return max(1, min(READ_AT_MOST, int(size / max(1.0, self._entry_bytes))))

    # What is in hand.

    def _keep(self) -> None:
        """Say that this relay lives, and see to the bounds."""
        kept_at = time.monotonic()
        while True:
            gevent.sleep(min(TRIM_EVERY, self._settings.claim_after / 3))
            if time.monotonic() >= kept_at + self._settings.claim_after / 3:
                kept_at = time.monotonic()
                self.persistence.do(self._keep_held)
            self.persistence.do(self._trim)
            self.lanes.forget_idle()
            self._carrier.keep_only([lane.address for lane in self.lanes])

    def _keep_held(self) -> None:
        held = [each for each in self.hand.held.values() if each.left]
        lost = [each for each in self.group.keep(held) if each.left]
        for each in lost:
            each.is_lost = True
        self.hand.drop(lost)
        self.counts.entries_lost += len(lost)

    def _trim(self) -> None:
        if self._settings.max_entries and (lost := self.group.trim(self._settings.max_entries)):
            self.counts.trimmed += lost
            self._logger.error(
                "%d messages are gone: the stream was past its %d entries", lost, self._settings.max_entries
            )
        if self._settings.max_dead and (lost := self.group.trim(self._settings.max_dead, dead=True)):
            self._logger.error("%d messages are gone from the dead letters, past their bound", lost)

    def _finish_entries(self) -> None:
        """Take what is done off the stream, all that there is by then in one step; and put aside what has to wait."""
        while True:
            self.hand.is_done.wait()
            self.hand.is_done.clear()
            while done := list(self.hand.done)[:READ_AT_MOST]:
                delivered = sum(each.delivered for each in done)
                self.persistence.do(lambda: self.group.finish(done, delivered))  # noqa: B023 - done before the next
                for _ in done:
                    self.hand.done.popleft()
                self.hand.drop(done)
                self.counts.entries_finished += len(done)
            parked, self.hand.parked = self.hand.parked, []
            if parked:
                self.persistence.do(lambda: self.group.park(parked))  # noqa: B023

    def _worker(self) -> Worker:
        return Worker(
            self.lanes,
            self.hand,
            self._limiter,
            self._carrier,
            self.persistence,
            self.counts,
            self._logger,
            max_refusals=self._settings.max_deliveries,
        )

    # The end.

    def _wind_up(self, intake: list[Greenlet[[], None]], workers: list[Greenlet[[], None]]) -> None:
        """Read no more, send what is in hand, and hand the rest over to other relays, all within the time for it."""
        gevent.joinall(intake, timeout=2 * READ_WAIT)
        self.lanes.hurry()
        while self.hand.held and not self._is_stuck() and time.monotonic() < self._deadline:
            self.hand.is_eased.clear()
            self.hand.is_eased.wait(0.05)
        gevent.killall(workers)
        with gevent.Timeout(max(1.0, self._deadline - time.monotonic()), False):  # type: ignore[arg-type]
            self.persistence.do(self._leave)

    def _is_stuck(self) -> bool:
        """Whether all that is left is in lanes that are held for longer than there is time."""
        waiting = sum(len(lane) for lane in self.lanes.held if lane.held_until > self._deadline)
        return bool(waiting) and waiting >= sum(each.left for each in self.hand.held.values())

    def _leave(self) -> None:
        self.group.hand_over()
        if not self.group.leave():
            self._logger.warning("entries are left to other relays: %d", len(self.hand.held))

    def _spawn(self, work: Callable[[], None]) -> Greenlet[[], None]:
        greenlet = Greenlet(work)
        greenlet.link_exception(self._on_failure)
        greenlet.start()
        return greenlet

    def _on_failure(self, greenlet: Greenlet[[], None]) -> None:
        self._failure = self._failure or greenlet.exception
        self.stop()
