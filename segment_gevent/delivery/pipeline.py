"""One process's delivery: buffer, flusher, sender, transport, counts and reports, made together and left together.

A forked child makes another one and abandons this one, which is its parent's: so nothing of the parent's messages,
greenlets or connections can be used by the child.
"""

from __future__ import annotations

import logging
import os
import time
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

import orjson
from gevent import Timeout

from segment_gevent.counters import COUNTERS, Counters, Health, Stats
from segment_gevent.delivery import lifecycle, uwsgi
from segment_gevent.delivery.authorization import Authorization, Basic
from segment_gevent.delivery.buffer import Buffer
from segment_gevent.delivery.fates import Fates
from segment_gevent.delivery.flights import Flight, Flights
from segment_gevent.delivery.flusher import HOME_ANSWERS_WITHIN, Flusher
from segment_gevent.delivery.lifecycle import Home
from segment_gevent.delivery.overflow import REASON, Overflow
from segment_gevent.delivery.reporter import Callbacks, Reporter
from segment_gevent.delivery.sender import Outcome, Sender
from segment_gevent.delivery.transport import GeventTransport, Transport, http_transport
from segment_gevent.delivery.uwsgi import Legacy
from segment_gevent.events.batch import Envelope
from segment_gevent.events.message import MESSAGE_LIMIT, MessageIds
from segment_gevent.options import Options
from segment_gevent.words import counted

if TYPE_CHECKING:
    from segment_gevent.delivery.oauth.client_key import ClientKey
    from segment_gevent.delivery.spool.spooling import Spooling
    from segment_gevent.delivery.spool.writer import Writer
    from segment_gevent.delivery.watchdog import Watchdog

OPEN_FLUSHES = 5
FEW = 100
"""At shutdown messages are still taken during so many flushes, as long as no more than so many come during one."""

LAST_REPORTS = 0.1
"""Seconds that the callbacks get at least at shutdown, however long the delivery took."""

LAST_WRITES = 2.0
"""Seconds that the disk gets at least at shutdown: a second for a lock of somebody else's, and one for its work."""

ID_PREFIX_BYTES = 12
"""Random bytes before the count of a messageId: with 2^96, a billion processes share no prefix.

In base64 they are 16 characters. As 24 of hexadecimal they took a waiting message of 450 bytes from one of malloc's
sizes to the next, from 490 bytes to 520.
"""


class Pipeline:
    """Takes encoded messages in, and gives each its fate."""

    def __init__(
        self, options: Options, callbacks: Callbacks, logger: logging.Logger, home: Home, key: ClientKey | None = None
    ) -> None:
        self.pid = os.getpid()
        self.home = home
        self._options = options
        self._logger = logger
        self._counters = Counters()
        self._is_async = options.async_
        self._is_closed = False
        self.new_id = MessageIds(urlsafe_b64encode(os.urandom(ID_PREFIX_BYTES)).decode("ascii")).next
        self._transport = options.transport or _own_transport(options)
        self._authorization = _authorization(options, key)
        self._buffer = Buffer(
            max_messages=options.max_queue_size,
            max_bytes=options.max_queue_bytes,
            on_mark=self._on_mark if options.async_ else None,
        )
        self._envelope = _envelope(options)
        self._flights = Flights(self._buffer, self._envelope, max_in_flight=options.max_in_flight)
        self._reporter = Reporter(home, logger, max_bytes=options.max_queue_bytes)
        self._fates = Fates(self._counters, callbacks, self._reporter, logger)
        self._sender = Sender(options, self._transport, self._authorization, self._counters, logger)
        self._spooling = self._make_spooling(options) if options.spool_dir else None
        self._flusher = Flusher(
            flush_at=options.flush_at,
            flush_after=options.flush_after,
            max_in_flight=options.max_in_flight,
            home=home,
            buffer=self._buffer,
            flights=self._flights,
            sender=self._sender,
            counters=self._counters,
            on_outcome=self._spooled_if_undeliverable,
            on_settled=self._settle,
            replay=self._replay,
            logger=logger,
        )
        self._overflow = Overflow(
            options.overflow,
            block_timeout=options.block_timeout,
            buffer=self._buffer,
            flusher=self._flusher,
            fates=self._fates,
            spooling=self._spooling,
            logger=logger,
        )
        self._watchdog = self._make_watchdog(options)
        self._legacy = Legacy.of_master()
        if options.async_ and uwsgi.lacks_hub():
            logger.warning(
                "uWSGI runs without its gevent loop: no greenlet turns there, and nothing is sent. "
                "Start it with --gevent, or use async_=False with flush_at=1"
            )
        lifecycle.register(self)

    @property
    def shutdown_timeout(self) -> float:
        return self._options.shutdown_timeout

    def submit(self, message: bytes, counter: str) -> bool:
        """Count the message under `counter` and take it in; False, with a counted reason, when it is refused.

        With `durable="sync"` also False when it was taken in, but can't be known to be on disk.
        Switches only with that, with `async_=False`, which sends here when a flush is due, and in a full queue.
        """
        self._counters.count_call(counter)
        if self._is_closed:
            return self._refuse(message, "closed")
        if len(message) > MESSAGE_LIMIT:
            return self._refuse(message, "too_large")
        if not self._buffer.put(message, time.monotonic()) and not self._put_in_full(message):
            return self._refuse(message, "closed" if self._is_closed else REASON)
        is_safe = True
        if self._spooling is not None and self._spooling.writer.is_durable:
            is_safe = self._put_on_disk(self._spooling.writer)
        if not self._is_async:
            self._flusher.send_if_due()
            self._after_sending_here()
        elif self._buffer.waiting() >= self._flusher.threshold:
            self._flusher.wake()
        if self._flights.is_over:  # shut down by another thread since the look above: nobody comes for this message
            return not self._drop_left("closed") and is_safe
        return is_safe

    def refuse(self, message: bytes, counter: str, reason: str) -> bool:
        """Count the message under `counter`, and drop it; returns False."""
        self._counters.count_call(counter)
        return self._refuse(message, reason)

    def _put_in_full(self, message: bytes) -> bool:
        return self._overflow.put(message, lambda: self._is_closed)

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the fate of all that is pending; whether every message was delivered.

        Switches; in the hub it only wakes the flusher, and answers False.
        """
        if lifecycle.in_hub():
            self._flusher.wake()
            return False
        deadline = time.monotonic() + timeout
        with lifecycle.BorrowedHub():
            is_delivered = self._flusher.flush(deadline, in_caller=not self._is_async)
            self._after_sending_here()
            if (seconds := deadline - time.monotonic()) > 0:
                self._await_reports(seconds)
        return is_delivered

    def shutdown(self, timeout: float) -> bool:
        """Flush within `timeout` seconds, refuse what comes later, spool or drop what is left, close the connections.

        A spool gets `LAST_WRITES` at least: what is not on disk by then is dropped.
        Switches; in the hub, where nothing can wait, a greenlet does it a little later, and the answer is False.
        """
        if lifecycle.in_hub():
            self._is_closed = True
            lifecycle.spawn(self.shutdown, timeout)
            return False
        deadline = time.monotonic() + timeout
        self.watch()
        with lifecycle.BorrowedHub():
            is_delivered = self._flush_and_close(deadline)
            self.watch()
            self._watchdog = None  # what is left is spooled or dropped, and that has lines of its own
            if self._spooling is not None:
                self._spooling.replays.finish(deadline)
            written_by = max(deadline, time.monotonic() + LAST_WRITES)
            left = self._spool_or_drop_left(timeout, written_by)
            self._await_reports(max(LAST_REPORTS, deadline - time.monotonic()))
            if self._spooling is not None:
                self._spooling.close(written_by)
            self._close_transport()
        return is_delivered and not left

    def close_idle(self) -> None:
        """Let go of the connections if nothing is pending; a later message opens new ones. Never switches."""
        if not self._is_closed and not self._flusher.has_pending:
            self._close_transport()

    def _flush_and_close(self, deadline: float) -> bool:
        """Flush until nothing is left, and refuse messages from then on; whether every message was delivered.

        A server's requests run on, and are answered, while a flush waits: what they track is still taken, as long as
        it is little. Greenlets that track without end would fill the queue by the deadline.
        """
        is_delivered = True
        for _ in range(OPEN_FLUSHES):
            is_delivered &= self._last_flush(deadline)
            if not 0 < self._buffer.waiting() <= FEW or time.monotonic() >= deadline:
                break
        self._is_closed = True
        return self._last_flush(deadline) and is_delivered

    def _last_flush(self, deadline: float) -> bool:
        return self._flusher.flush(deadline, in_caller=not self._is_async, is_last=True)

    def _close_transport(self) -> None:
        self._authorization.close()
        try:
            self._transport.close()
        except Exception:  # one of the application's own
            self._logger.exception("closing the transport failed")

    def hasten(self) -> None:
        """Have what waits sent now, in the background. Never switches."""
        if self._flusher.has_pending and self.pid == os.getpid():
            self._flusher.wake()

    def finish(self, deadline: float) -> None:
        """The process ends: shut down until the monotonic time `deadline`, unless this is a parent's. Never raises."""
        if self.pid != os.getpid() or (self._legacy is not None and not self._legacy.claim()):
            return
        try:
            self.shutdown(max(0.0, deadline - time.monotonic()))
        except Exception:
            self._logger.exception("shutting down at the process's end failed")

    def inherit(self, other: Pipeline) -> None:
        """Take over what a uWSGI master's pipeline holds, if no other worker has; what other parents hold is theirs."""
        if other._legacy is not None and uwsgi.is_worker() and other._legacy.claim():
            for flight in other._flusher.stop():
                for message in flight.messages:
                    self.submit(message, COUNTERS[orjson.loads(message)["type"]])

    def abandon(self) -> None:
        """In a forked child: leave everything to the parent. Never spawns, blocks or switches."""
        self._is_closed = True
        self._watchdog = None
        self._flusher.abandon()
        self._reporter.abandon()
        if self._spooling is not None:
            self._spooling.abandon()
        self._authorization.abandon()
        if isinstance(self._transport, GeventTransport):
            self._transport.abandon()

    def warm_up(self) -> None:
        """Do now what the first send would: import requests, read the CA bundle. Takes some 0.1 s; may switch."""
        if isinstance(self._transport, GeventTransport):
            if not lifecycle.in_hub():
                lifecycle.first_turn()
            self._transport.warm_up()

    def stats(self) -> Stats:
        oldest = self._flusher.oldest
        return self._counters.snapshot(
            oldest_age=0.0 if oldest is None else max(0.0, time.monotonic() - oldest),
            flusher_alive=self._flusher.is_alive,
        )

    def health(self) -> Health:
        stats = self.stats()
        reason = self._complaint(stats)
        return Health(reason is None, reason or "ok", stats.pending, stats.oldest_age, stats.last_status)

    def _complaint(self, stats: Stats) -> str | None:
        if self._is_closed:
            return "the client is shut down"
        if (watchdog := self._watchdog) is not None and (reason := watchdog.reason()):
            return reason
        if self._fates.is_losing:
            return f"batches are given up; the last answer was {stats.last_status or 'none'}"
        return "the queue is full" if self._buffer.is_full else None

    def watch(self) -> None:
        """Say in the log whether messages stand still, if that is news. Switches if a handler of the log does."""
        if (watchdog := self._watchdog) is not None:
            watchdog.look()

    def _make_watchdog(self, options: Options) -> Watchdog | None:
        if not options.stall_warning or not options.async_:
            return None
        from segment_gevent.delivery.watchdog import Watchdog

        return Watchdog(
            options.stall_warning,
            flush_after=options.flush_after,
            home=self.home,
            flusher=self._flusher,
            flights=self._flights,
            counters=self._counters,
            logger=self._logger,
        )

    def _on_mark(self) -> None:
        """In a call, now and then: what the home hub can't see to when it ended, with its timer, or does not turn."""
        if self.home.is_gone:
            self._flusher.wake()
        if (watchdog := self._watchdog) is not None:
            watchdog.glance()

    # The spool.

    def look(self, *, is_asked: bool = True) -> None:
        """Look into the spool for what this or other processes left there, soon. Never switches.

        Unless somebody asked for it, others' only if the hub is known to turn steadily.
        """
        if self._spooling is not None and self.pid == os.getpid() and not self._is_closed:
            if is_asked:
                self._spooling.replays.take_over_now()
            self._spooling.replays.look_now()
            self._flusher.look()

    def _make_spooling(self, options: Options) -> Spooling:
        # Here, since most clients have no spool, and sqlite3 takes some milliseconds and a megabyte.
        from segment_gevent.delivery.spool.spooling import Spooling

        return Spooling(
            options,
            home=self.home,
            flights=self._flights,
            envelope=self._envelope,
            sender=self._sender,
            fates=self._fates,
            logger=self._logger,
            on_due=lambda: self._flusher.look(),
            is_closed=lambda: self._is_closed,
        )

    def _put_on_disk(self, writer: Writer) -> bool:
        """As `durable` says; False where `"sync"` can't promise it: in the hub, and where the disk fails."""
        if self._options.durable == "sync" and not lifecycle.in_hub():
            return writer.await_disk(self._buffer.accepted)
        writer.notice()
        return self._options.durable != "sync"

    def _spooled_if_undeliverable(self, flight: Flight, outcome: Outcome, until: float | None) -> Outcome:
        return outcome if self._spooling is None else self._spooling.keep_undeliverable(flight, outcome, until)

    def _replay(self) -> bool:
        """In the flusher's greenlet: send one batch from disk, if there is one and delivery works; whether it did."""
        return self._spooling is not None and self._spooling.replayer.send_one()

    def _spool_or_drop_left(self, timeout: float, written_by: float) -> int:
        """Stop the flusher; what it leaves goes on disk, or is dropped with one line in the log. How many were left."""
        left = self._flusher.stop()
        kept, lost = ([], left) if self._spooling is None else self._spooling.leave(left, written_by)
        for flight in kept:
            self._fates.settle(flight, Outcome(None, None, is_spooled=True))
        for flight in lost:
            self._fates.drop(flight.messages, "shutdown")
        if lost:
            self._logger.warning(
                "%s dropped at shutdown: not delivered within %.3g s", counted(sum(map(len, lost)), "message"), timeout
            )
        if kept:
            self._logger.warning(
                "%s spooled at shutdown: not delivered within %.3g s", counted(sum(map(len, kept)), "message"), timeout
            )
        return sum(map(len, left))

    # Fates.

    def _settle(self, flight: Flight, outcome: Outcome) -> None:
        self._fates.settle(flight, outcome)
        if self._spooling is not None and not outcome.is_spooled:
            self._spooling.settled(flight.first, len(flight))
            if outcome.is_delivered:
                self._spooling.replays.works_again()
        self._overflow.ease()

    def _drop_left(self, reason: str) -> int:
        """Stop the flusher and drop what it leaves, so many messages."""
        left = self._flusher.stop()
        for flight in left:
            self._fates.drop(flight.messages, reason)
        return sum(map(len, left))

    def _refuse(self, message: bytes, reason: str) -> bool:
        self._fates.drop([message], reason)
        return False

    def _await_reports(self, seconds: float) -> None:
        """Have the callbacks run: in the home hub, or here if that does not turn; at most so long."""
        deadline = time.monotonic() + seconds
        if self._reporter.is_current or not self._reporter.is_busy:
            return
        if self.home.answers(min(HOME_ANSWERS_WITHIN, seconds)):
            self._reporter.wait(deadline - time.monotonic())
        else:
            with Timeout(max(0.0, deadline - time.monotonic()), False):  # type: ignore[arg-type]
                self._reporter.run_here()

    def _after_sending_here(self) -> None:
        if not self._is_async and not lifecycle.in_hub():
            self._reporter.run_here()


def _authorization(options: Options, key: ClientKey | None) -> Authorization:
    if key is None:
        return Basic(options.api_key)
    from segment_gevent.delivery.oauth.bearer import Bearer  # four files that most clients do without

    return Bearer(options, key)


def _own_transport(options: Options) -> Transport:
    if options.uses_outbox:
        from segment_gevent.delivery.outbox.transport import outbox_transport  # as above

        transport = outbox_transport(options)
        if lifecycle.ssl_may_be_imported():
            import segment_gevent.delivery.outbox.session  # as below
        return transport
    if lifecycle.ssl_may_be_imported():
        import segment_gevent.delivery.http.session  # noqa: F401 - a stall of 100 ms, better now than at the first send
    return http_transport(f"{options.host}/v1/batch", options)


def _envelope(options: Options) -> Envelope:
    if not options.uses_outbox:
        return Envelope(options.api_key)
    from segment_gevent.delivery.outbox.entry import Lines

    return Lines()
