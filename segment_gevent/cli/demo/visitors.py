"""The demo's visitors: each a greenlet with a connection and a cookie of their own, who come one after another."""

from __future__ import annotations

import http.client
import time

import gevent
from gevent.pool import Pool

from segment_gevent.cli.demo.journey import Journey, Step
from segment_gevent.cli.demo.persona import Persona, draws, persona
from segment_gevent.debugger.connection import Connection

_FORM = "application/x-www-form-urlencoded"
_AT_A_TIME = 200
# Shares of the whole: over so much of it visitors arrive, and so long is a pause of theirs on average.
_ARRIVALS = 0.75
_PAUSE = 1 / 40
_LONGEST_PAUSE = 1.0


class Visitors:
    """So many visitors come to the shop at `url` within `seconds`; the last of them leave a little after.

    Who they are and what they do is the same in every run; who comes while 200 are there waits at the door.

    Attributes:
        come, left: how many have come, and have gone again.
        answered, failed: how their requests ended; an answer of 400 and above is a failure.
        most: so many were there at a time.
    """

    def __init__(self, url: str, count: int, seconds: float) -> None:
        self.come = self.left = self.answered = self.failed = self.most = 0
        self._url = url
        self._count = count
        self._every = seconds * _ARRIVALS / count
        self._pause = min(seconds * _PAUSE, _LONGEST_PAUSE)
        self._pool = Pool(_AT_A_TIME)
        self._arrivals = gevent.spawn(self._arrive)

    @property
    def are_gone(self) -> bool:
        """Whether all have come and left."""
        return self.left == self._count

    def stop(self) -> None:
        """End all visits. Safe twice."""
        self._arrivals.kill()
        self._pool.kill()

    def _arrive(self) -> None:
        began = time.monotonic()
        for number in range(self._count):
            gevent.sleep(max(0.0, began + number * self._every - time.monotonic()))
            self._pool.spawn(self._visit, number)

    def _visit(self, number: int) -> None:
        random = draws(number)
        who = persona(number, random)
        self.come += 1
        self.most = max(self.most, self.come - self.left)
        try:
            with Browser(self._url, who) as browser:
                for step in Journey(who, random):
                    gevent.sleep(step.pause * self._pause)
                    if browser.take(step):
                        self.answered += 1
                    else:
                        self.failed += 1
        finally:
            self.left += 1


class Browser:
    """What stands between a visitor and the shop: one connection, a cookie, and where they were last."""

    def __init__(self, url: str, who: Persona) -> None:
        self._url = url
        self._connection = Connection(url)
        self._headers = who.headers

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def take(self, step: Step) -> bool:
        """Make the step's request; whether it was answered well. Cooperative."""
        headers = {**self._headers, "Content-Type": _FORM} if step.body is not None else self._headers
        try:
            status, answered, _ = self._connection.exchange(step.method, step.path, step.body, headers)
        except (OSError, http.client.HTTPException):
            return False
        if cookie := answered.get("Set-Cookie"):
            self._headers["Cookie"] = cookie.partition(";")[0]
        if step.method == "GET":
            self._headers["Referer"] = self._url + step.path
        return status < 400
