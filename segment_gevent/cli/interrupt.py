"""Ctrl-C in a command that runs greenlets: it interrupts the command, in whatever greenlet it arrives."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import gevent


@contextmanager
def interrupts_here() -> Iterator[None]:
    """Within this block SIGINT raises KeyboardInterrupt in the greenlet that entered it, which is the main thread's.

    Python raises it in the greenlet that happens to run, and gevent prints that greenlet's failure on its way to the
    main one.
    """
    here = gevent.getcurrent()
    loop = gevent.get_hub().loop

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if gevent.getcurrent() is here:
            raise KeyboardInterrupt
        loop.run_callback(here.throw, KeyboardInterrupt)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
