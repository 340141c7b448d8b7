"""One batch's way to its outcome: attempts, the waits between them, and what they look like on the wire."""

from __future__ import annotations

import base64
import os
import random
import time
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from gevent import Timeout, get_hub
from gevent.event import Event
from greenlet import greenlet

from segment_gevent.counters import Counters
from segment_gevent.delivery import retry
from segment_gevent.delivery.transport import Transport
from segment_gevent.errors import DeliveryError
from segment_gevent.events.batch import Batch, Envelope
from segment_gevent.events.timestamps import stamp
from segment_gevent.options import Options
from segment_gevent.version import __version__

if TYPE_CHECKING:
    import logging

    import requests

GZIP_WINDOW = 31
"""zlib's largest window, 15 bits, plus 16 for a gzip header and trailer."""


class Flight(Batch):
    """A batch that was taken from the buffer, until it has its fate."""

    __slots__ = ("attempts", "carrier", "first", "is_settled", "sent_at", "since", "started")

    def __init__(self, envelope: Envelope, *, first: int, since: float) -> None:
        super().__init__(envelope)
        self.first = first  # the ordinal of its first message
        self.since = since  # when that message came, in monotonic seconds
        self.carrier: greenlet | None = None  # who sends it
        self.attempts = 0
        self.started = 0.0  # when it was first sent, in monotonic seconds
        self.sent_at = ""
        self.is_settled = False


class Outcome(NamedTuple):
    """How a flight ended: delivered if there is no error."""

    response: requests.Response | None
    error: DeliveryError | None


class OutOfTimeError(Exception):
    """The deadline came before the outcome, or the process is a forked child; the flight is still pending."""


class Sender:
    """Sends a flight until it is delivered or given up."""

    def __init__(self, options: Options, transport: Transport, counters: Counters, logger: logging.Logger) -> None:
        self._options = options
        self._transport = transport
        self._counters = counters
        self._logger = logger
        self._is_failing = False
        self._pauses: set[Event] = set()
        self._pid = os.getpid()
        credentials = base64.b64encode(f"{options.api_key}:".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {credentials}",
            "Content-Type": "application/json",
            "User-Agent": f"segment-gevent/{__version__}",
        }
        if options.gzip:
            self._headers["Content-Encoding"] = "gzip"

    def deliver(self, flight: Flight, *, until: float | None = None, is_background: bool = False) -> Outcome:
        """Send, wait and send again, in the caller's greenlet, which switches.

        A background greenlet's waits do not keep `gevent.wait()` and `hub.join()` from returning.

        Raises:
            OutOfTimeError: the monotonic time `until` would pass before the next attempt could end, or this greenlet
                woke up in a forked child, where the flight is the parent's.
            BaseException: whatever was thrown into the caller's greenlet, its own `gevent.Timeout` too.
        """
        while True:
            try:
                response = self._attempt(flight, until, is_background=is_background)
            except DeliveryError as error:
                if self._pid != os.getpid():
                    raise OutOfTimeError from error  # the socket was closed because it is the parent's
                error.attempts = flight.attempts
                wait = self._wait_before_retry(flight, error)
                if wait is None:
                    return Outcome(error.response, error)
                self._say_failing(error)
                if until is not None and time.monotonic() + wait >= until:
                    raise OutOfTimeError from error
                self._pause(wait, ref=not is_background)
            else:
                self._say_works()
                return Outcome(response, None)

    def hurry(self) -> None:
        """End the present waits: their next attempt comes now, since there may be no later one."""
        for pause in list(self._pauses):
            pause.set()

    def _attempt(self, flight: Flight, until: float | None, *, is_background: bool) -> requests.Response:
        now = time.monotonic()
        seconds = self._options.send_timeout if until is None else min(self._options.send_timeout, until - now)
        if seconds <= 0 or self._pid != os.getpid():
            raise OutOfTimeError
        headers = self._headers
        if flight.attempts:
            headers = {**headers, "X-Retry-Count": str(flight.attempts)}
            self._counters.retries += 1
        else:
            flight.started = now
        flight.attempts += 1
        flight.sent_at = stamp(time.time())
        body = flight.body(flight.sent_at)
        if self._options.gzip:
            body = _gzipped(body, self._options.gzip_level)
        response = self._send(body, headers, seconds, is_background=is_background)
        status = response.status_code
        self._counters.count_sent(len(body), status)
        if not retry.is_delivered(status):
            raise DeliveryError(
                f"the server answered {status} {getattr(response, 'reason', None) or ''}".rstrip(),
                reason="status",
                response=response,
            )
        return response

    def _send(self, body: bytes, headers: dict[str, str], seconds: float, *, is_background: bool) -> requests.Response:
        """One request within `seconds`; what went wrong on the way becomes a DeliveryError, here and nowhere else."""
        limit = Timeout.start_new(seconds)
        try:
            response = self._transport.send(body, headers)
            if not isinstance(response.status_code, int):
                raise TypeError(f"status_code is {type(response.status_code).__name__}, not int")
            return response
        except Timeout as expired:
            if expired is not limit and not is_background:
                raise  # the caller's own; in the background there is no caller, and it is the transport's
            raise DeliveryError(f"no answer within {expired.seconds} s", reason="timeout") from expired
        except DeliveryError:
            raise
        except Exception as error:
            raise DeliveryError(f"the transport raised {type(error).__name__}", reason="transport") from error
        finally:
            limit.close()

    def _wait_before_retry(self, flight: Flight, error: DeliveryError) -> float | None:
        """Seconds, or None to give up."""
        options = self._options
        if error.status is not None and not retry.is_retryable(error.status):
            return None
        if flight.attempts > options.max_retries:
            return None
        wait = retry.backoff(flight.attempts, random.random())  # noqa: S311 - jitter is no secret
        headers = getattr(error.response, "headers", None)
        asked = retry.retry_after(headers) if isinstance(headers, Mapping) else None
        if asked is not None:
            wait = asked
        if time.monotonic() + wait - flight.started > options.max_retry_duration:
            return None
        return wait

    def _pause(self, seconds: float, *, ref: bool) -> None:
        if seconds <= 0:
            return
        over = Event()
        timer = get_hub().loop.timer(seconds, ref=ref)
        timer.start(over.set, update=True)  # outside the hub the loop's own time is stale
        self._pauses.add(over)
        try:
            over.wait()  # timed by the timer: a timed wait would keep hub.join() from returning
        finally:
            self._pauses.discard(over)
            timer.close()

    def _say_failing(self, error: DeliveryError) -> None:
        if not self._is_failing:
            self._is_failing = True
            self._logger.warning(
                "delivery to %s fails and is tried again, up to %d times: %s",
                self._options.host,
                self._options.max_retries,
                error,
            )

    def _say_works(self) -> None:
        if self._is_failing:
            self._is_failing = False
            self._logger.info("delivery to %s works again", self._options.host)


def _gzipped(body: bytes, level: int) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, GZIP_WINDOW)
    return compressor.compress(body) + compressor.flush()
