"""The pulse of the home hub: whether it turns steadily, as in a process that serves, or has stopped.

A server's master turns it for moments while it loads the application, and maybe never again: it must not take what its
workers would send.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import Any

from gevent import get_hub
from gevent.hub import Hub
from gevent.monkey import get_original

from segment_gevent.delivery import lifecycle
from segment_gevent.delivery.lifecycle import Home

BEAT = 0.1
BEATS = 10
LONGEST_PAUSE = 0.5
"""Seconds: `BEATS`, each `BEAT` after the one before or a little later, but never this late, are steady."""


class Pulse:
    """Steady after a second of turning. From then on it is watched, if asked for, until it stops."""

    def __init__(
        self, home: Home, *, longest_stop: float, on_steady: Callable[[], object], on_stop: Callable[[], object]
    ) -> None:
        """`on_steady` is called in the hub, `on_stop` in a native thread when it did not turn for `longest_stop` s."""
        self.is_steady = False
        self._home = home
        self._longest_stop = longest_stop
        self._on_steady = on_steady
        self._on_stop = on_stop
        self._beats = 0
        self._last_beat = 0.0
        self._beats_in: Hub | None = None
        """The hub whose timer calls for the next beat; it may end, and the home move to another."""
        self._has_turned = True
        self._watch: Any = None
        """A native lock, which the thread that watches waits for; None while there is no such thread."""

    def feel(self) -> None:
        """In the home thread: find out whether it is steady. Never switches."""
        if not self.is_steady and self._beats_in is not get_hub():
            self._beats_in = get_hub()
            self._beats = 0
            self._next_beat()

    def assume_steady(self) -> None:
        """Somebody knows that it is."""
        self.is_steady = True

    def _next_beat(self) -> None:
        self._last_beat = time.monotonic()
        lifecycle.after(BEAT, self._beat)

    def _beat(self) -> None:
        """In the hub."""
        if self._beats_in is not get_hub():
            return
        is_late = time.monotonic() - self._last_beat > LONGEST_PAUSE
        self._beats = 0 if is_late else self._beats + 1
        if self._beats < BEATS and not self.is_steady:
            self._next_beat()
            return
        self._beats_in = None
        if not self.is_steady:
            self.is_steady = True
            self._on_steady()

    def watch(self) -> None:
        """From now on, notice when it stops: then it is no longer steady, nor watched. Never switches.

        At the interpreter's end, when no thread can be started, it is not watched.
        """
        if self._watch is None:
            over = get_original("_thread", "allocate_lock")()
            over.acquire()
            self._has_turned = True
            try:
                get_original("_thread", "start_new_thread")(_watch, (weakref.ref(self), over, self._longest_stop))
            except RuntimeError:
                return
            self._watch = over

    def end(self) -> None:
        """Watch no more. In a forked child, where no thread watches, it does nothing that matters."""
        over, self._watch = self._watch, None
        if over is not None:
            over.release()

    def _look(self) -> bool:
        """In the thread that watches: whether the hub has turned since the last look."""
        has_turned, self._has_turned = self._has_turned, False
        if has_turned:
            self._home.call(self._turn)
        else:
            self._watch = None
            self.is_steady = False
            self._on_stop()
        return has_turned

    def _turn(self) -> None:
        self._has_turned = True


def _watch(reference: weakref.ref[Pulse], over: Any, seconds: float) -> None:
    while (pulse := reference()) is not None and pulse._look():
        del pulse
        if over.acquire(True, seconds):
            return
