"""The stop: whether the import is to end before its files do, and why. Signals ask for it, and so does trouble."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gevent.event import Event


class StoppedError(Exception):
    """The import was told to stop while it waited for a file."""


class Stop:
    """What all parts of an import look at.

    Attributes:
        is_asked: whether it was told to stop.
        why: in words, "" for a signal.
        delivers: whether what is on its way is worth waiting for.
        changed: set with it; whoever sets it too has those who wait for anything look again.
    """

    def __init__(self) -> None:
        self.is_asked = False
        self.why = ""
        self.delivers = True
        self.changed = Event()

    def ask(self, why: str = "", *, delivers: bool = True) -> None:
        """Stop; the first reason counts. Never switches."""
        self.why = self.why or why
        self.delivers = self.delivers and delivers
        self.is_asked = True
        self.changed.set()

    def sleep(self, seconds: float) -> None:
        """Sleep so long, or until it is asked for. Switches."""
        end = time.monotonic() + seconds
        while not self.is_asked and (left := end - time.monotonic()) > 0:
            self.changed.wait(left)
            self.changed.clear()

    def await_change(self) -> None:
        """Wait until there is something new to look at. Switches."""
        self.changed.wait()
        self.changed.clear()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM ask for it in here; a second one ends the process as it would any."""

        def stop(number: int, _frame: object) -> None:
            self.ask()
            signal.signal(number, before[signal.Signals(number)])

        before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
        for each in before:
            signal.signal(each, stop)
        try:
            yield
        finally:
            for each, handler in before.items():
                with suppress(TypeError):  # None: one that was not set by Python
                    signal.signal(each, handler)
