"""SIGTERM, for programs that have no server to handle it: deliver, then do what the signal did before."""

from __future__ import annotations

import os
import signal
from types import FrameType

from segment_gevent.delivery import lifecycle


def install() -> None:
    """Put our handler of SIGTERM before the present one.

    Raises:
        ValueError: not called in the main thread.
    """
    before = signal.getsignal(signal.SIGTERM)
    if getattr(before, "_is_ours", False):
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if lifecycle.in_hub() or lifecycle.runs_under_a_hub():
            # It may have interrupted the hub, which can't wait, or the flusher, which others wait for.
            lifecycle.spawn(_end, number, frame)
        else:
            _end(number, frame)

    def _end(number: int, frame: FrameType | None) -> None:
        if before == signal.SIG_DFL:
            lifecycle.finish_all()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        lifecycle.flush_all()
        if callable(before):
            before(number, frame)

    handle._is_ours = True  # type: ignore[attr-defined]
    signal.signal(signal.SIGTERM, handle)
