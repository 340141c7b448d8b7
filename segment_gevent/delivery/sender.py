"""One batch's way to its outcome: attempts, the waits between them, and what they look like on the wire."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from gevent import Timeout
from gevent.event import Event

from segment_gevent.counters import Counters
from segment_gevent.delivery import lifecycle, retry
from segment_gevent.delivery.authorization import Authorization
from segment_gevent.delivery.flights import Flight
from segment_gevent.delivery.lifecycle import Home
from segment_gevent.delivery.transport import Transport
from segment_gevent.errors import DeliveryError
from segment_gevent.events.timestamps import stamp
from segment_gevent.options import Options
from segment_gevent.version import __version__

if TYPE_CHECKING:
    import logging

    import requests

LARGE_BODY = 32_768
"""Bytes: packing, compressing and sending a larger body are slices of 0.1 to 0.2 ms, between which the loop turns."""


class Outcome(NamedTuple):
    """How a flight ended: delivered if there is no error."""

    response: requests.Response | None
    error: DeliveryError | None
    pieces: Sequence[Flight] = ()
    """What it was taken apart into, where the parts may fare better: then it has no fate, but they will."""
    is_final: bool = False
    """Whether no later attempt could end better: the server refused the batch, and will again."""
    is_spooled: bool = False
    """Whether it is on disk now."""
    asked: float = 0.0
    """Seconds that the server asked for before another attempt."""

    @property
    def is_delivered(self) -> bool:
        return self.error is None

    @property
    def is_about_sender(self) -> bool:
        """Whether the key, the token or the host is wrong, and no message: those on disk wait for a better one."""
        return self.error is not None and retry.is_about_sender(self.error.status)


class OutOfTimeError(Exception):
    """The deadline came before the outcome, or the process is a forked child; the flight is still pending."""


class Sender:
    """Sends a flight until it is delivered or given up."""

    def __init__(
        self,
        options: Options,
        transport: Transport,
        authorization: Authorization,
        counters: Counters,
        logger: logging.Logger,
        *,
        destination: str = "",
        kept: str = "what is on disk waits there",
    ) -> None:
        self._options = options
        self._kept = kept
        self._transport = transport
        self._authorization = authorization
        self._counters = counters
        self._logger = logger
        self._is_failing = False
        self._pauses: dict[Event, Home] = {}
        self._limit_pauses: dict[Event, Home] = {}
        self._is_over = False
        self.resume_at = 0.0
        """A rate limit is on everything: no attempt begins before this monotonic time."""
        self._pid = os.getpid()
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": f"segment-gevent/{__version__}",
        }
        self._destination = destination or getattr(transport, "shown", options.host)
        self._compress: Callable[[bytes], bytes] | None = None
        if options.gzip and not options.uses_outbox:  # whose entries tell how many messages they hold
            from segment_gevent.delivery.compression import gzipped  # which most clients do without

            self._compress = partial(gzipped, level=options.gzip_level, between=lifecycle.turn)
            self._headers["Content-Encoding"] = "gzip"

    def deliver(
        self, flight: Flight, *, until: float | None = None, is_background: bool = False, once: bool = False
    ) -> Outcome:
        """Send, wait and send again, in the caller's greenlet, which switches; `once` does without the again.

        What is sent once is on disk, or in a stream: where delivery fails, the log says that it waits there.
        A background greenlet's waits do not keep `gevent.wait()` and `hub.join()` from returning.

        Raises:
            OutOfTimeError: the monotonic time `until` would pass before the next attempt could end, or this greenlet
                woke up after the `end`, or in a forked child, where the flight is the parent's.
            BaseException: whatever was thrown into the caller's greenlet, its own `gevent.Timeout` too.
        """
        while True:
            self._pause(flight.not_before, until, is_background=is_background)
            flight.not_before = 0.0
            while self.is_limited:  # again and again: an answer to another flight may have moved it on meanwhile
                self._pause(self.resume_at, until, is_background=is_background, is_limit=True)
            try:
                response = self._attempt(flight, until, is_background=is_background)
            except DeliveryError as error:
                if self._pid != os.getpid():
                    raise OutOfTimeError from error  # the socket was closed because it is the parent's
                error.attempts = flight.attempts
                if self._has_new_chance(flight, error):
                    continue
                if pieces := self._taken_apart(flight, error):
                    return Outcome(error.response, error, pieces)
                asked = _asked_wait(error)
                wait = self._wait_before_retry(flight, error, asked)
                if wait is None or once:
                    outcome = Outcome(
                        error.response,
                        _without_frames(error),
                        is_final=self._is_final(error),
                        asked=asked or 0.0,
                    )
                    if once and (outcome.is_about_sender or not outcome.is_final):
                        self._say_failing(self._kept, error)
                    return outcome
                self._say_failing(self._tried_again(error), error)
                flight.not_before = time.monotonic() + wait  # also for who takes over, if this greenlet is killed
            else:
                self._say_works()
                return Outcome(response, None)

    @property
    def is_limited(self) -> bool:
        """Whether a rate limit is on: no attempt would begin now."""
        return self.resume_at > time.monotonic()

    def hurry(self) -> None:
        """End the present waits: their next attempt comes now, since there may be no later one.

        Not those that a rate limit asked for: an attempt would be refused, and make the limit last.
        """
        _end(self._pauses)

    def end(self) -> None:
        """No attempt begins any more, whoever waits for one: what was under way is on disk by now, or counted."""
        self._is_over = True
        _end(self._pauses)
        _end(self._limit_pauses)

    def _attempt(self, flight: Flight, until: float | None, *, is_background: bool) -> requests.Response:
        lifecycle.first_turn()  # threads look up names and read certificates
        flight.sent_at = stamp(time.time())
        body = flight.body(flight.sent_at)
        if len(body) > LARGE_BODY:
            lifecycle.turn()
        if self._compress is not None:
            body = self._compress(body)
        now = time.monotonic()
        seconds = self._options.send_timeout if until is None else min(self._options.send_timeout, until - now)
        if seconds <= 0 or self._is_over or self._pid != os.getpid():
            raise OutOfTimeError
        headers = self._headers.copy()
        if flight.attempts:
            headers["X-Retry-Count"] = str(flight.attempts)
            self._counters.retries += 1
        else:
            flight.started = now
        flight.attempts += 1
        response = self._send(flight, body, headers, seconds, is_background=is_background)
        status = response.status_code
        self._counters.count_sent(len(body), status)
        if not retry.is_delivered(status):
            raise DeliveryError(
                f"the server answered {status} {getattr(response, 'reason', None) or ''}".rstrip(),
                reason="status",
                response=response,
            )
        return response

    def _send(
        self, flight: Flight, body: bytes, headers: dict[str, str], seconds: float, *, is_background: bool
    ) -> requests.Response:
        """One request within `seconds`; what went wrong on the way becomes a DeliveryError, here and nowhere else."""
        limit = Timeout.start_new(seconds)
        try:
            headers["Authorization"] = flight.authorization = self._authorization.header()
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

    def _has_new_chance(self, flight: Flight, error: DeliveryError) -> bool:
        """Whether it was the token that was refused, for the first time: the next attempt carries another."""
        if error.reason != "status":
            return False
        if error.status == 400:
            if flight.search.has_new_token:
                return False
            flight.search.has_new_token = True
        is_refused = self._authorization.refused(flight.authorization, error.status)
        has_chance = is_refused and not flight.has_new_token
        flight.has_new_token = flight.has_new_token or is_refused
        return has_chance

    def _taken_apart(self, flight: Flight, error: DeliveryError) -> Sequence[Flight]:
        """The halves of a batch refused for its size, or maybe for one of its messages; () to judge it whole."""
        if len(flight) < 2 or error.reason != "status" or error.status not in {400, 413}:
            return ()
        from segment_gevent.delivery.answers import says_too_large  # as below

        if says_too_large(error.status, _text(error.response)):
            return flight.halves()
        if flight.search.splits >= retry.SPLITS_IN_SEARCH:
            return ()
        flight.search.splits += 1
        return flight.halves()

    def _wait_before_retry(self, flight: Flight, error: DeliveryError, asked: float | None) -> float | None:
        """Seconds, or None to give up. A rate limit asks for its wait of everybody, through `resume_at`."""
        options = self._options
        if self._is_final(error):
            return None
        now = time.monotonic()
        draw = _draw()
        asked = asked or None  # 0 s: some gateways say so all through an outage, and all retries would be gone at once
        if error.status == retry.RATE_LIMIT:
            if not flight.limits:
                flight.limited_since = now
            flight.limits += 1
            wait = retry.backoff(flight.limits + 1, draw) if asked is None else asked
            self.resume_at = max(self.resume_at, now + wait)
            return None if now + wait - flight.limited_since > options.max_rate_limit_duration else 0.0
        flight.limits = 0
        flight.retries += 1
        wait = retry.backoff(flight.retries, draw) if asked is None else asked
        if flight.retries > options.max_retries or now + wait - flight.started > options.max_retry_duration:
            return None
        return wait

    def _is_final(self, error: DeliveryError) -> bool:
        """Whether the server said no for good. Why there is no token is no verdict on the batch."""
        return error.status is not None and error.reason != "oauth" and not retry.is_retryable(error.status)

    def _pause(self, end: float, until: float | None, *, is_background: bool, is_limit: bool = False) -> None:
        """Wait until the monotonic time `end`, or until `hurry` if it is no rate limit; not at all if past `until`.

        Raises:
            OutOfTimeError: it is, or the end has come.
        """
        seconds = end - time.monotonic()
        if seconds <= 0:
            return
        if self._is_over:
            raise OutOfTimeError
        if until is not None and end >= until:
            raise OutOfTimeError
        over = Event()
        pauses = self._limit_pauses if is_limit else self._pauses
        pauses[over] = Home.here()
        try:
            lifecycle.rest(seconds, over, ref=not is_background)
        finally:
            pauses.pop(over, None)

    def _say_failing(self, consequence: str, error: DeliveryError) -> None:
        if not self._is_failing:
            self._is_failing = True
            self._logger.warning("delivery to %s fails and %s: %s", self._destination, consequence, error)

    def _tried_again(self, error: DeliveryError) -> str:
        """How long, in the words of the log."""
        if error.status == retry.RATE_LIMIT:
            return f"is tried again, for up to {self._options.max_rate_limit_duration:g} s"
        return f"is tried again, up to {self._options.max_retries} times"

    def _say_works(self) -> None:
        if self._is_failing:
            self._is_failing = False
            self._logger.info("delivery to %s works again", self._destination)


def _end(pauses: Mapping[Event, Home]) -> None:
    """Wake each in its own hub: gevent 22.10 may wake nobody from another thread, as `oauth/token_source.py` tells."""
    for over, home in list(pauses.items()):
        home.call(over.set)


def _draw() -> float:
    """A number from 0 to 1. Python's `random` would be 0.6 ms of the package's import."""
    return int.from_bytes(os.urandom(4), "big") / 0xFFFFFFFF


def _asked_wait(error: DeliveryError) -> float | None:
    """Seconds that the server asked for; None if it asked for none, or did not answer."""
    from segment_gevent.delivery.answers import asked_wait  # with the first refusal: most processes see none

    headers = getattr(error.response, "headers", None)
    return asked_wait(headers, time.time()) if isinstance(headers, Mapping) else None


def _text(response: requests.Response | None) -> str:
    """What the answer says; a transport of the application's own may say anything."""
    text = getattr(response, "text", "")
    return text if isinstance(text, str) else ""


def _without_frames(error: DeliveryError) -> DeliveryError:
    """The error, and those behind it, without their frames: these hold the write key and the body, and tools that
    report errors show them."""
    behind: BaseException | None = error
    while behind is not None:
        behind.__traceback__ = None
        behind = behind.__cause__ or behind.__context__
    return error
