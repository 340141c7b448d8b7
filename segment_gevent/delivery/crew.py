"""The flusher's crew: the greenlets that run its loop, in the home hub.

They are made when the first message comes, and rest on an event without a time-out: a time-out in a loop would keep
`gevent.wait()` and `hub.join()` from ever returning.
"""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING

from gevent import Greenlet, GreenletExit, getcurrent
from gevent.event import Event

from segment_gevent.delivery import lifecycle
from segment_gevent.delivery.lifecycle import Home

if TYPE_CHECKING:
    from segment_gevent.delivery.flusher import Flusher


class Crew:
    """`size` greenlets that work for one flusher, which alone holds the crew."""

    def __init__(self, flusher: Flusher, *, size: int, home: Home) -> None:
        self._flusher = weakref.ref(flusher)
        self._size = size
        self._home = home
        self._greenlets: list[Greenlet[..., None]] = []
        self._due = self._new_due()

    def _new_due(self) -> Event:
        """The event that greenlets wait on: they hold a weak reference then, and end when the flusher is collected."""
        due = Event()
        weakref.finalize(self, due.set).atexit = False
        return due

    @property
    def is_alive(self) -> bool:
        """Whether one of them can run."""
        return any(not lifecycle.has_ended(greenlet) for greenlet in self._greenlets) and not self._home.is_gone

    def muster(self) -> None:
        """In the home thread: see that all of them are there, and wake them."""
        self._greenlets = [
            greenlet
            for greenlet in self._greenlets
            if not lifecycle.has_ended(greenlet) and greenlet.parent is self._home.hub
        ]
        while len(self._greenlets) < self._size:
            greenlet = Greenlet.spawn(_run, self._flusher, self._due)
            greenlet.rawlink(partial(_replace_killed, self._flusher))
            self._greenlets.append(greenlet)
        self.wake()

    def wake(self) -> None:
        """Have those that rest look for work, if there are any yet. Never switches."""
        if self._greenlets:
            self._due.set()

    def rest(self) -> None:
        """Each waits for `wake` when it has done its work."""
        self._due.clear()

    def move(self) -> None:
        """The home moved: `muster` makes others, and these are left to their hub."""
        self._due = self._new_due()

    def end(self) -> None:
        """Kill them. Never switches."""
        for greenlet in self._greenlets:
            if greenlet is not getcurrent():  # a transport may be what forked, or shut the client down
                greenlet.kill(block=False)


def _run(reference: weakref.ref[Flusher], due: Event) -> None:
    """What each greenlet runs: between two flushes it holds no flusher."""
    while True:
        due.wait()
        flusher = reference()
        if flusher is None or not flusher.work():
            return
        del flusher


def _replace_killed(reference: weakref.ref[Flusher], greenlet: Greenlet[..., None]) -> None:
    """In the hub, when a greenlet ended: another takes the place of a killed one; the timer, of a crashed one."""
    flusher = reference()
    was_killed = isinstance(greenlet.value, GreenletExit) or greenlet.exception is not None
    if flusher is not None and was_killed and flusher.has_pending:
        flusher.wake()
