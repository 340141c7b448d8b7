"""Telling the application: the registered callbacks, and the greenlet that runs them apart from delivery.

A callback may raise or block cooperatively without harm: it holds up later reports, never a batch or a call.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from gevent import Greenlet, Timeout, getcurrent
from gevent.event import Event

from segment_gevent.delivery.lifecycle import Home
from segment_gevent.errors import ValidationError

if TYPE_CHECKING:
    import requests

    from segment_gevent.errors import DeliveryError

Callback = Callable[[Any, Any], object]
OnSuccess = TypeVar("OnSuccess", bound="Callable[[dict[str, Any], requests.Response], object]")
OnFailure = TypeVar("OnFailure", bound="Callable[[dict[str, Any], DeliveryError], object]")
OnDrop = TypeVar("OnDrop", bound=Callable[[dict[str, Any], str], object])
Listener = TypeVar("Listener", bound=Callable[..., object])
Report = Callable[[], None]


class Callbacks:
    """Who listens to what, in the order of registration. Outlives forks: it is the application's wish.

    A client's own stand behind those that it shares with others.
    """

    def __init__(self, shared: Callbacks | None = None) -> None:
        self.success: list[Callback] = []
        self.failure: list[Callback] = []
        self.drop: list[Callback] = []
        self._shared = shared

    def of(self, event: Literal["success", "failure", "drop"]) -> list[Callback]:
        """Everybody who listens to it."""
        own: list[Callback] = getattr(self, event)
        return own if self._shared is None else self._shared.of(event) + own


class Reporter:
    """Runs reports in the order of the events, in a greenlet of the home hub that ends when none is left."""

    def __init__(self, home: Home, logger: logging.Logger, *, max_bytes: int) -> None:
        self._home = home
        self._logger = logger
        self._max_bytes = max_bytes
        self._reports: deque[tuple[Report, int]] = deque()
        self._bytes = 0
        self._runner: Greenlet[..., None] | None = None
        self._running: set[object] = set()
        self._raised: list[Callback] = []
        self._is_skipping = False

    def put(self, report: Report, size: int) -> None:
        """Run `report` soon; `size` is the bytes that it holds. From any thread, hub or signal handler; never switches.

        While a callback blocks, reports wait, up to `max_bytes` of them; past that they are left out, and one log line
        says so.
        """
        if self._bytes + size > self._max_bytes:
            if not self._is_skipping:
                self._is_skipping = True
                self._logger.warning("a callback takes too long: reports are left out until it returns; no message is")
            return
        self._bytes += size
        self._reports.append((report, size))
        if self._runner is None or self._runner.dead:
            self._home.call(self._start)

    def abandon(self) -> None:
        """In a forked child: the reports are the parent's to run. Never spawns, blocks or switches."""
        self._reports.clear()
        if self._runner is not None and self._runner is not getcurrent():  # a callback may be what forked
            self._runner.kill(block=False)

    def run_here(self) -> None:
        """Run what waits in the caller's greenlet; switches if a callback does."""
        if not self.is_current:
            self._run()

    def wait(self, seconds: float) -> None:
        """Wait until the reports of everything so far have run, at most so long; not from a callback. Switches."""
        if self.is_busy:
            done = Event()
            hub = Home.here()
            self.put(lambda: hub.call(done.set), 0)
            done.wait(max(0.0, seconds))

    @property
    def is_busy(self) -> bool:
        """Whether a report waits or runs."""
        return bool(self._reports or self._running)

    @property
    def is_current(self) -> bool:
        """Whether the caller is a callback."""
        return getcurrent() in self._running

    def tell(self, callbacks: list[Callback], what: Any, outcome: Any) -> None:
        """Call each with the two values; one that raises is logged once and keeps being called."""
        for callback in list(callbacks):
            try:
                callback(what, outcome)
            except (Exception, Timeout, SystemExit) as error:
                if not isinstance(error, Exception) and getcurrent() is not self._runner:
                    raise  # it may be the caller's own, around a call that sends by itself
                if callback not in self._raised:
                    self._raised.append(callback)
                    self._logger.exception("the callback %r raised; delivery goes on, and this is said once", callback)

    def _start(self) -> None:
        if self._reports and (self._runner is None or self._runner.dead):
            self._runner = Greenlet.spawn(self._run)

    def _run(self) -> None:
        me = getcurrent()
        self._running.add(me)
        try:
            while True:
                try:
                    report, size = self._reports.popleft()
                except IndexError:
                    self._is_skipping = False
                    return
                self._bytes -= size
                report()
        finally:
            self._running.discard(me)
            if me is self._runner:
                self._runner = None
                self._start()  # killed in the middle: another goes on


def listen(listeners: list[Callback], callback: Listener) -> Listener:
    """Add `callback`, and return it.

    Raises:
        ValidationError: it can't be called.
    """
    if not callable(callback):
        raise ValidationError(f"callback must be callable, not {type(callback).__name__}")
    listeners.append(callback)
    return callback
