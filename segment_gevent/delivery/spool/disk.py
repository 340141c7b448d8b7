"""The native thread that does a client's work on disk while its greenlets go on, and its truce with forks.

SQLite blocks, for milliseconds as a rule and for seconds on a bad day: never in the hub's thread, if it can be helped.
One lock of the process is held for each piece of work; a fork waits for it, or the child, which has no such thread,
could hang at its first statement: so did 7 of 2,000.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from gevent import get_hub, getcurrent
from gevent._hub_local import get_hub_if_exists
from gevent.event import Event
from gevent.monkey import get_original

if TYPE_CHECKING:
    from segment_gevent.delivery.spool.database import SpoolError

T = TypeVar("T")

RUN_TIMEOUT = 30.0

FIRST_LOOK = 0.05
"""Seconds until a caller looks whether its work was done without a word; twice as long for each further look."""

FORK_TIMEOUT = 10.0
"""Seconds that a fork waits at most for a disk that hangs."""


class Disk:
    """Runs work for one client, in order. Starts its thread at the first piece of work in each process."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._jobs: Any = None
        """A native queue, whether or not `queue` is patched; None while there is no thread."""

    def run(
        self, work: Callable[[], T], *, timeout: float = RUN_TIMEOUT, orphaned: Callable[[T], object] | None = None
    ) -> T:
        """What `work` returns or raises, run in the worker thread; waits cooperatively.

        Where nothing can wait cooperatively (in the hub, in a thread without one, or where no thread can be started at
        the interpreter's end) it runs here, and blocks. A caller that is killed or timed out leaves: work that did not
        begin is not done, and what other work returns goes to `orphaned`, in the worker thread.

        Raises:
            SpoolError: with reason `"timeout"`, it is not done after `timeout` seconds; with `"busy"`, this code
                interrupts other work on disk in its thread, as a signal handler can.
        """
        if self._pid != os.getpid():
            self.abandon()
        if not _can_wait():
            return _run_here(work, timeout)
        hub, done = get_hub(), Event()
        job = _Job(work, lambda: hub.loop.run_callback_threadsafe(done.set), orphaned)
        try:
            self._submit(job.run)
        except RuntimeError:  # the interpreter is ending: no new threads
            return _run_here(work, timeout)
        try:
            if not _wait(done, timeout):
                raise _error(f"the disk has not answered for {timeout:g} s", reason="timeout")
        except BaseException:
            if not job.leave():
                self._submit(job.orphan)
            raise
        return job.result()

    def later(self, work: Callable[[], object]) -> None:
        """Have `work` done in the worker thread, after what was asked for before. Nobody hears how it went.

        Never waits; at the interpreter's end, when no thread can be started, it may not be done.
        """
        if self._pid != os.getpid():
            self.abandon()
        with suppress(RuntimeError):
            self._submit(partial(_run_unheard, work))

    def close(self) -> None:
        """End the thread when what was asked for is done. Does not wait; the next `run` starts another."""
        if self._pid == os.getpid() and self._jobs is not None:
            self._jobs.put(None)
        self._jobs = None

    def abandon(self) -> None:
        """In a forked child: forget the thread, which is the parent's."""
        self._pid = os.getpid()
        self._jobs = None

    def __del__(self) -> None:
        self.close()

    def _submit(self, step: Callable[[], None]) -> None:
        if self._jobs is None:
            jobs = get_original("queue", "SimpleQueue")()
            get_original("_thread", "start_new_thread")(_work_off, (jobs,))
            self._jobs = jobs
        self._jobs.put(step)


class _Job(Generic[T]):
    """One piece of work, which the worker finishes or the caller leaves, whichever comes first."""

    def __init__(
        self, work: Callable[[], T], tell: Callable[[], object], orphaned: Callable[[T], object] | None
    ) -> None:
        self._work = work
        self._tell = tell
        self._orphaned = orphaned
        self._pid = os.getpid()
        self._decision = get_original("_thread", "allocate_lock")()
        self._is_left = False
        self._value: T
        self._error: BaseException | None = None

    def run(self) -> None:
        """In the worker thread."""
        try:
            _run_here(self._begin, None)
        except BaseException as error:
            self._error = error
        if self._decision.acquire(False):
            try:
                self._tell()
            except (AttributeError, ValueError):  # the caller's hub was destroyed
                self.orphan()
        else:
            self.orphan()

    def _begin(self) -> None:
        if self._is_left:  # maybe while this waited for its turn
            raise _error("nobody waits for it any more", reason="timeout")
        self._value = self._work()

    def leave(self) -> bool:
        """In the caller, which no longer waits; False if the work is done: then somebody must `orphan` it.

        Nobody in a forked child: what the work returned goes to the caller's original, in the parent.
        """
        self._is_left = True
        return self._pid != os.getpid() or bool(self._decision.acquire(False))

    def orphan(self) -> None:
        """In the worker thread; whoever could hear how it went has left."""
        if self._error is None and self._orphaned is not None:
            _run_unheard(partial(self._orphaned, self._value))

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value


def _run_unheard(work: Callable[[], object]) -> None:
    with suppress(Exception):
        _run_here(work, None)


def _work_off(jobs: Any) -> None:
    while (step := jobs.get()) is not None:
        step()
        del step  # or the last one's result stays while this waits


def _wait(done: Event, timeout: float) -> bool:
    """Whether `done` was set within `timeout` seconds.

    In a forked child, until its loop has turned once, a thread's call may not wake it: 4 of 9,000 children waited in
    vain. Any event lets the loop find what it missed, so this makes some; `lifecycle.first_turn` would have the work
    begin a turn later than it was asked for.
    """
    pause = FIRST_LOOK
    while not done.wait(min(pause, timeout)):
        timeout -= pause
        if timeout <= 0:
            return False
        pause *= 2
    return True


def _can_wait() -> bool:
    """Whether the caller is a greenlet of a hub that is not at its end."""
    hub = get_hub_if_exists()
    return hub is not None and hub.loop is not None and not hub.dead and getcurrent() is not hub


# One piece of work at a time in this process, and none during a fork.


class _Turn:
    """A native lock that knows who holds it, and that a forked child finds free."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lock = get_original("_thread", "allocate_lock")()
        self._holder: int | None = None
        self.is_for_fork = False

    abandon = __init__
    """In a forked child, where the holder may be a thread of the parent."""

    def take(self, timeout: float | None) -> bool:
        """Whether it could be had within `timeout` seconds, for ever if None. Blocks the thread."""
        if self._pid != os.getpid():
            self.abandon()
        if not self._lock.acquire(True, -1 if timeout is None else timeout):
            return False
        self._holder = get_original("_thread", "get_ident")()
        return True

    def give(self) -> None:
        self._holder = None
        self._lock.release()

    @property
    def is_mine(self) -> bool:
        return self._pid == os.getpid() and self._holder == get_original("_thread", "get_ident")()


_turn = _Turn()


def _run_here(work: Callable[[], T], timeout: float | None) -> T:
    if _turn.is_mine:
        raise _error("the disk is at work for the code that this interrupts", reason="busy")
    if not _turn.take(timeout):
        raise _error(f"the disk has not answered for {timeout:g} s", reason="timeout")
    try:
        return work()
    finally:
        _turn.give()


_is_hooked = False


def hook_forks() -> None:
    """Have every fork from now on, also of a forked child's, wait for the work on disk."""
    global _is_hooked
    if not _is_hooked:
        _is_hooked = True
        os.register_at_fork(
            before=before_fork, after_in_parent=after_fork_in_parent, after_in_child=after_fork_in_child
        )


def before_fork() -> None:
    """Wait, blocking, for the work that is under way, and let none begin."""
    # A fork from within such work has nothing to wait for.
    if not _turn.is_mine and _turn.take(FORK_TIMEOUT):
        _turn.is_for_fork = True


def after_fork_in_parent() -> None:
    """Go on."""
    if _turn.is_mine and _turn.is_for_fork:
        _turn.is_for_fork = False
        _turn.give()


def after_fork_in_child() -> None:
    """Nobody is at work here."""
    _turn.abandon()


def _error(text: str, *, reason: str) -> SpoolError:
    from segment_gevent.delivery.spool.database import (
        SpoolError,  # with sqlite3, which this package's import does without
    )

    return SpoolError(text, reason=reason)
