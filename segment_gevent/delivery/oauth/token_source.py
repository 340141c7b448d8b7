"""The access token that batches carry under OAuth: had in time, by one request however many wait, and never shown.

All state is one pipeline's and so one process's: a forked child makes its own pipeline, and gets a token of its own.
Nothing here writes to a log, and neither `repr` nor an error's text has the key, an assertion or a token in it.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event

from segment_gevent.delivery import retry
from segment_gevent.delivery.answers import asked_wait
from segment_gevent.delivery.lifecycle import Home
from segment_gevent.delivery.oauth.client_key import ClientKey
from segment_gevent.delivery.oauth.token_request import Application, Grant, Post, TokenRequests
from segment_gevent.errors import DeliveryError

if TYPE_CHECKING:
    import requests

PATIENCE = 30.0
"""Seconds that one call for a token lasts at most, its retries and its waits for others included."""

TRIES = 4
"""Requests within one call. Who needs the token tries again later, with longer waits and a longer patience."""

REFRESH_AHEAD = 60.0
"""Seconds before its end that a token is replaced. One that is handed out must last for the whole attempt that carries
it, 30 s by default, and the early refresh has some room to fail and be tried again."""

REFRESH_SHARE = 0.8
"""The part of its life that a token is used for at least: of one that lives 90 s, a minute ahead leaves a third."""

EARLY_PAUSE = 1.0
"""Seconds at least between early refreshes that fail; otherwise half of what the token has left."""

_THE_ONE = "refresh"


class _Held:
    """The token in use, and when it is to be replaced and is at its end, in monotonic seconds."""

    __slots__ = ("expires", "refresh_at", "token")

    def __init__(self, grant: Grant) -> None:
        self.token = grant.token
        self.expires = grant.born + grant.life
        self.refresh_at = grant.born + max(REFRESH_SHARE * grant.life, grant.life - REFRESH_AHEAD)


class _Refresh:
    """One refresh on its way. Over without token or error, its greenlet was ended from outside.

    Each who waits has an event of their own, which is set in the waiter's own hub. One that is shared belongs to the
    hub of its first waiter, and raises InvalidThreadUseError in all others once that hub is destroyed, as a native
    thread's is at its end. Set from another thread, gevent 22.10 asks every living object for its class, to find the
    waiter's hub, and wakes nobody where one raises, as Django's settings do before they are configured.
    """

    __slots__ = ("_is_over", "_waiting", "error", "token")

    def __init__(self) -> None:
        self.error: DeliveryError | None = None
        self.token = ""
        self._is_over = False
        self._waiting: list[tuple[Home, Event]] = []

    def wait(self, seconds: float) -> bool:
        """Whether it is over within `seconds`."""
        mine = Event()
        self._waiting.append((Home.here(), mine))
        # Timed, and so by a timer that keeps the loop alive: the one who refreshes may wait on timers that do not.
        return self._is_over or mine.wait(seconds)

    def end(self) -> None:
        self._is_over = True  # first: who comes from here on does not wait
        for home, event in self._waiting:
            home.call(event.set)


class TokenSource:
    """Hands out the access token that is good now.

    Safe from any greenlet, hub and native thread: one refreshes, and the others wait for it or, while the old token
    still is good, go on with that.

    Args:
        client_id: of the OAuth application.
        client_key: its private key, as PEM text or the path of a file with it; or a `ClientKey`, which spares the
            process that makes this one the parsing, 28 to 200 ms of CPU.
        key_id: by which Segment knows the public key.
        auth_server: the token server of the workspace's region.
        scope: what the token is for.
        post: POSTs a form to a URL with these headers, waits cooperatively and returns the answer, whatever its status;
            raises DeliveryError where none came.
        now: monotonic seconds, by which tokens age.
        wall_clock: Unix time, which assertions are stamped with.
        draw: from 0 to 1, the jitter of retries.
        pause: waits so many seconds, cooperatively.
        patience: seconds that one call of `token` lasts at most.

    Raises:
        ConfigError: the extra `oauth` is missing, or the key is no good; the text names `oauth_client_key`.
    """

    def __init__(
        self,
        *,
        client_id: str,
        client_key: str | os.PathLike[str] | ClientKey,
        key_id: str,
        auth_server: str = "https://oauth2.segment.io",
        scope: str = "tracking_api:write",
        post: Post,
        now: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        draw: Callable[[], float] = random.random,
        pause: Callable[[float], object] = gevent.sleep,
        patience: float = PATIENCE,
    ) -> None:
        self._key = client_key if isinstance(client_key, ClientKey) else ClientKey(client_key)
        application = Application(client_id, self._key, key_id, scope)
        self._requests = TokenRequests(application, auth_server, post=post, now=now, wall_clock=wall_clock)
        self._now = now
        self._wall_clock = wall_clock
        self._draw = draw
        self._pause = pause
        self._patience = patience
        self._held: _Held | None = None
        self._running: dict[str, _Refresh] = {}
        self._closed_until = -math.inf  # the token server asked not to be asked before
        self._closing: requests.Response | None = None  # the answer in which it did

    def __repr__(self) -> str:
        return f"TokenSource({self._requests.url})"

    def warm_up(self) -> None:
        """Do now what the first call of `token` would do before it asks: import PyJWT, some 70 ms of stall."""
        self._key.load()

    def token(self) -> str:
        """The token to send as `Authorization: Bearer`. At once while it is fresh, else after one request for all.

        Switches; not for the hub. A `gevent.Timeout` or GreenletExit thrown in meanwhile passes through, and one of
        those who wait for the same refresh goes on in its place.

        Raises:
            DeliveryError: there is none within `patience` seconds, with the reason `"oauth"`. Its `response` is the
                token server's refusal, if it was one: of a status that no retry mends, or with the wait that it asks.
        """
        deadline = self._now() + self._patience
        while True:
            held, now = self._held, self._now()
            if held is not None and now < held.refresh_at:
                return held.token
            mine = _Refresh()
            refresh = self._running.setdefault(_THE_ONE, mine)  # atomic: of several threads one gets its own back
            if refresh is mine:
                return self._lead(mine, deadline)
            if held is not None and now < held.expires:
                return held.token
            token = self._follow(refresh, deadline)
            if token:
                return token

    def forget(self, token: str) -> None:
        """The API refused `token` (400, 401, 403, 511): drop it, unless it has been replaced since. Never switches."""
        held = self._held
        if held is not None and held.token == token:
            self._held = None

    def _lead(self, refresh: _Refresh, deadline: float) -> str:
        try:
            held, now = self._held, self._now()
            if held is not None and now < held.refresh_at:  # another thread's refresh ended between the two looks
                refresh.token = held.token
            elif held is not None and now < held.expires:
                refresh.token = self._replace_early(held, deadline)
            else:
                refresh.token = self._ask(deadline, TRIES)
            return refresh.token
        except DeliveryError as error:
            refresh.error = error
            raise
        finally:
            self._free(refresh)
            refresh.end()

    def _follow(self, refresh: _Refresh, deadline: float) -> str:
        """Wait for another greenlet's refresh; no token if that greenlet was ended."""
        if not refresh.wait(max(0.0, deadline - self._now())):
            self._free(refresh)  # it began before us, and lasts no longer: its thread is gone, and its hub with it
            raise self._requests.failure(f"none came within {self._patience:g} s")
        if refresh.error is not None:
            # An error of one's own: every raise adds to its traceback, and every flight counts its attempts on it.
            raise DeliveryError(str(refresh.error), reason="oauth", response=refresh.error.response) from refresh.error
        return refresh.token

    def _free(self, refresh: _Refresh) -> None:
        """Let another refresh begin."""
        if self._running.get(_THE_ONE) is refresh:
            self._running.pop(_THE_ONE, None)

    def _replace_early(self, held: _Held, deadline: float) -> str:
        """Replace a token that is still good: one try, and on with the old one if that fails."""
        try:
            return self._ask(deadline, tries=1)
        except DeliveryError:
            now = self._now()
            if self._held is not held or now >= held.expires:
                raise
            again = max(now + EARLY_PAUSE, (now + held.expires) / 2, self._closed_until)
            held.refresh_at = min(again, held.expires)
            return held.token

    def _ask(self, deadline: float, tries: int) -> str:
        """Get a new token, asking again where the table of retries has it and the deadline leaves the time."""
        attempt = 0
        while True:
            self._sit_out(deadline)
            attempt += 1
            try:
                grant = self._requests.send(deadline)
            except DeliveryError as error:
                wait = self._wait_before_retry(error, attempt)
                if wait is None or attempt >= tries or self._now() + wait >= deadline:
                    raise
            else:
                self._held = _Held(grant)
                return grant.token
            if wait > 0:
                self._pause(wait)

    def _wait_before_retry(self, error: DeliveryError, attempt: int) -> float | None:
        """Seconds, or None to give up. What the server asks for binds later calls too, and so is waited elsewhere."""
        if error.response is not None:
            if not retry.is_retryable(error.response.status_code):
                return None
            asked = asked_wait(error.response.headers, self._wall_clock())
            if asked is not None:
                self._closed_until = self._now() + asked
                self._closing = error.response
                return 0.0
        return retry.backoff(attempt, self._draw())

    def _sit_out(self, deadline: float) -> None:
        """Wait as long as the server asked for, if that ends before the deadline."""
        wait = self._closed_until - self._now()
        if wait <= 0:
            return
        if self._closed_until >= deadline:
            raise self._requests.failure(f"the token server asks to wait for {wait:.3g} s", self._closing)
        self._pause(wait)
