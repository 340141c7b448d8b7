"""Process facts: which hub is home, what a fork leaves behind, and the ways in which a process ends.

What is registered here with the interpreter (an at-fork hook, an exit handler) is registered once, when the first
client is made, and knows of every pipeline through weak references; a pipeline with messages pending is held strongly,
so that dropping the client loses none.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
import weakref
from _thread import RLock, get_ident  # native, also where the application patched `threading`
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Protocol

import gevent.threadpool  # noqa: F401 - the first DNS look-up inside atexit must not be the one that imports it
from gevent import Greenlet, get_hub, getcurrent, reinit
from gevent._hub_local import get_hub_if_exists
from gevent.event import Event
from gevent.hub import Hub
from gevent.monkey import is_module_patched
from greenlet import greenlet

from segment_gevent.delivery import uwsgi


class Pipeline(Protocol):
    """What this module asks of a pipeline."""

    def abandon(self) -> None:
        """Give up without a trace: this is a forked child, and what is in here belongs to the parent."""

    pid: int

    def watch(self) -> None:
        """Look whether messages stand still: a server's master that only forks has no other moment for it."""

    def hasten(self) -> None:
        """Begin to send what waits."""

    def flush(self, timeout: float) -> bool:
        """Deliver what is pending, within `timeout` seconds."""

    def finish(self, deadline: float) -> None:
        """Deliver what can be until the monotonic time `deadline`, then count the rest; the process ends."""

    @property
    def shutdown_timeout(self) -> float:
        """Seconds."""


class Heir(Protocol):
    """What this module asks of a client."""

    def hasten(self) -> None:
        """Take over what a uWSGI master left, and begin to send what waits."""


class Home:
    """The hub in which a pipeline's greenlets live, asked from any thread."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.has_run = False
        """Whether it was seen to turn in this process."""

    @classmethod
    def here(cls) -> Home:
        """The hub of the calling thread, made if there is none."""
        return cls(get_hub())

    def in_child(self) -> Home:
        """The same hub in a forked child, if its thread is the one that lived on; else that of the calling thread."""
        survivor = _survivor if _survivor is not None else self.hub.thread_ident
        if survivor != self.hub.thread_ident:
            return Home.here()
        reinit(self.hub)  # idempotent; without it DNS and the threadpool can hang in a child of an unpatched os.fork
        return Home(self.hub)

    @property
    def is_here(self) -> bool:
        return get_hub_if_exists() is self.hub

    @property
    def is_gone(self) -> bool:
        """Whether it can't run any more: destroyed, or its thread ended."""
        return bool(self.hub.dead) or self.hub.loop is None

    def move_here(self) -> None:
        """Make the calling thread's hub the home: the other ended, or was never seen to turn, and this one does."""
        self.hub = get_hub()

    def call(self, function: Callable[[], object]) -> None:
        """Run `function`, which must not block: at once in the home thread, else soon. Never switches."""
        if self.is_here:
            function()
        elif not self.is_gone:
            with suppress(AttributeError, ValueError):  # destroyed since the look
                self.hub.loop.run_callback_threadsafe(self._run, function)

    def answers(self, timeout: float) -> bool:
        """Whether the hub turns: asks, and waits at most `timeout` seconds for it; may switch."""
        if self.is_here:
            return not self.is_gone
        if timeout <= 0:
            return False
        answer = Event()
        asker = Home.here()
        self.call(lambda: asker.call(answer.set))  # by then the asker may have given up, and its hub be destroyed
        return bool(answer.wait(timeout))

    def _run(self, function: Callable[[], object]) -> None:
        self.has_run = True
        function()


def in_hub() -> bool:
    """Whether the caller is the hub itself, where any wait raises BlockingSwitchOutError."""
    return getcurrent() is get_hub_if_exists()


def runs_under_a_hub() -> bool:
    """Whether the caller is a greenlet that a hub switched to: the proof that this thread's hub turns."""
    hub = get_hub_if_exists()
    return hub is not None and getcurrent().parent is hub


def on_first_turn(function: Callable[[], object]) -> None:
    """Call `function` when this thread's hub turns, be it in a forked child: not in a master that only forks."""
    get_hub().loop.run_callback(function)


def every(seconds: float, method: Callable[[], object]) -> None:
    """Call a bound method every so many seconds in this hub, as long as its object lives; keeps no `hub.join()`."""
    reference = weakref.WeakMethod(method)
    timer = get_hub().loop.timer(seconds, seconds, ref=False)

    def tick() -> None:
        if (call := reference()) is None:
            timer.close()
        else:
            call()

    timer.start(tick)


def after(seconds: float, method: Callable[[], object]) -> None:
    """Call a bound method once, in that many seconds, as `every` does."""
    reference = weakref.WeakMethod(method)
    timer = get_hub().loop.timer(seconds, ref=False)

    def tick() -> None:
        timer.close()
        if (call := reference()) is not None:
            call()

    timer.start(tick, update=True)  # outside the hub the loop's own time is stale


def has_ended(each: greenlet | None) -> bool:
    """Whether the greenlet runs no more; true a little early for one that an uncaught exception ends.

    gevent raises a KeyboardInterrupt of any greenlet in the main one too, and only then lets the first one die.
    """
    return each is None or bool(each.ready() if isinstance(each, Greenlet) else each.dead)


def spawn(function: Callable[..., object], *arguments: object) -> None:
    """Run `function` in a greenlet of this thread's hub."""
    Greenlet.spawn(function, *arguments)


def rest(seconds: float, over: Event, *, ref: bool) -> None:
    """Wait until `over` is set or so many seconds have passed; without `ref`, `hub.join()` does not wait for it.

    Timed by a timer and not by the event's own time-out, which always keeps `hub.join()` and `gevent.wait()` waiting.
    """
    timer = get_hub().loop.timer(seconds, ref=ref)
    timer.start(over.set, update=True)  # outside the hub the loop's own time is stale
    try:
        over.wait()
    finally:
        timer.close()


def turn() -> None:
    """Let this thread's loop turn once: all that is ready runs, I/O too, which `gevent.sleep(0)` gives no turn."""
    hub = get_hub()
    timer = hub.loop.timer(0)
    try:
        hub.wait(timer)
    finally:
        timer.close()


_turned: weakref.WeakKeyDictionary[Hub, int] = weakref.WeakKeyDictionary()


def first_turn() -> None:
    """Before a native thread is asked for something: let this hub's loop turn, if it has not in this process. Switches.

    A forked child goes on in the midst of its parent's turn. A thread that answers before the loop has begun another
    is not heard until something else happens in it: of 34,000 such children 9 waited for it, of 37,000 that had turned
    none.
    """
    hub = get_hub()
    if _turned.get(hub) != os.getpid():
        turn()
        _turned[hub] = os.getpid()


class BorrowedHub:
    """A context in which a thread may wait on gevent's events; a hub made for it alone goes with it.

    A native thread that never used gevent has no hub. One left behind would keep its file descriptors after the
    thread's end.
    """

    def __enter__(self) -> None:
        self._made = get_hub() if get_hub_if_exists() is None else None

    def __exit__(self, *_: object) -> None:
        if self._made is not None:
            self._made.destroy()


# Pipelines: all of them, and those that may not be collected.

_all: weakref.WeakSet[Pipeline] = weakref.WeakSet()
_kept: set[object] = set()
_heirs: weakref.WeakSet[Heir] = weakref.WeakSet()
_survivor: int | None = None
_is_hooked = False
_exit_pid: int | None = None
_ending_pid: int | None = None


def register(pipeline: Pipeline) -> None:
    """Have `pipeline` told of forks and of the process's end."""
    global _is_hooked
    _all.add(pipeline)
    if not _is_hooked:
        _is_hooked = True
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_here, after_in_child=_after_fork)
        if not uwsgi.lacks_hub():
            atexit.register(finish_all)
        uwsgi.chain("atexit", _at_uwsgi_exit)
        uwsgi.chain("post_fork_hook", _after_uwsgi_fork)
    _hook_end_of_multiprocessing()


def is_hooked() -> bool:
    """Whether forks and the end of the process are noticed, as from the first client on."""
    return _is_hooked


def inherits(heir: Heir) -> None:
    """Have `heir` look, in every uWSGI worker, for what the master left behind."""
    _heirs.add(heir)


def keep(owner: object) -> None:
    """Hold `owner`, and with it its pipeline, while messages are pending."""
    _kept.add(owner)


def release(owner: object) -> None:
    _kept.discard(owner)


FORK_WAITS = 1.0
"""Seconds that a fork waits at most for `no_fork`."""

_forks = RLock()


@contextmanager
def no_fork() -> Iterator[None]:
    """Have a fork wait until the block is done: for what a native thread must not be in the midst of. Blocks natively.

    A child forked while another thread was in OpenSSL inherits its locks, closed for good: of 400 children of a process
    that was reading CA certificates, one hung in its first handshake.
    """
    with _forks:
        yield


def _before_fork() -> None:
    _forks.acquire(timeout=FORK_WAITS)


def _after_fork_here() -> None:
    with suppress(RuntimeError):  # not ours, where the wait was not long enough
        _forks.release()
    for pipeline in list(_all):
        pipeline.watch()


def _after_fork() -> None:
    """In the child, before anything else: no spawn, no wait, no switch. gevent.subprocess runs it before every exec."""
    global _survivor, _forks
    _forks = RLock()
    _survivor = get_ident()
    for pipeline in list(_all):
        pipeline.abandon()
    _all.clear()
    _kept.clear()


def _hook_end_of_multiprocessing() -> None:
    """multiprocessing ends its children without the interpreter's exit handlers, but with its own."""
    global _exit_pid
    if _exit_pid == os.getpid():
        return
    _exit_pid = os.getpid()
    process = sys.modules.get("multiprocessing.process")
    util = sys.modules.get("multiprocessing.util")
    if process is None or util is None:
        return
    # The second, for a child that imports the main module, as those of spawn and of a fork server do.
    if process.parent_process() is not None or getattr(process.current_process(), "_inheriting", False):
        util.Finalize(None, finish_all, exitpriority=10)
        # Between that import and its start it forgets its finalizers once more.
        util.register_after_fork(finish_all, lambda _: util.Finalize(None, finish_all, exitpriority=10))


def _after_uwsgi_fork() -> None:
    """In a worker, before its first request.

    A SIGINT waits until this is done, for it would come between the claim of what the master left and its use. Then it
    waits for the loop: until that runs Python's own handler is in place, whose KeyboardInterrupt uWSGI prints and
    forgets, and its master would wait a minute for a worker that serves on.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
            _inherit_of_uwsgi()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    except KeyboardInterrupt:
        on_first_turn(partial(os.kill, os.getpid(), signal.SIGINT))


def _inherit_of_uwsgi() -> None:
    if uwsgi.is_worker():
        for heir in list(_heirs):
            heir.hasten()


def _at_uwsgi_exit() -> None:
    _inherit_of_uwsgi()  # once more, for another's hook may have taken our place
    finish_all()


def finish_all() -> None:
    """The process ends: shut down every pipeline, each within its `shutdown_timeout`."""
    global _ending_pid
    _ending_pid = os.getpid()
    for pipeline, deadline in _hastened():
        pipeline.finish(deadline)


def is_ending() -> bool:
    """Whether this process shuts its pipelines down, for it ends."""
    return _ending_pid == os.getpid()


def flush_all() -> None:
    """Deliver what every pipeline holds, each within its `shutdown_timeout`; later messages are still welcome."""
    for pipeline, deadline in _hastened():
        pipeline.flush(max(0.0, deadline - time.monotonic()))


def _hastened() -> list[tuple[Pipeline, float]]:
    """Every pipeline of this process, all sending at once, with the monotonic time by which it must be done."""
    start = time.monotonic()
    pipelines = [pipeline for pipeline in _all if pipeline.pid == os.getpid()]
    for pipeline in pipelines:
        pipeline.hasten()
    return [(pipeline, start + pipeline.shutdown_timeout) for pipeline in pipelines]


def ssl_may_be_imported() -> bool:
    """Whether importing requests, and ssl with it, changes nothing for an application that has yet to patch."""
    return "requests" in sys.modules or bool(is_module_patched("ssl"))
