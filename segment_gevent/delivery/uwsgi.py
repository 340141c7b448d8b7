"""What a uWSGI server leaves undone: it forks without at-fork hooks and ends without exit handlers.

Its master loads the application, forks, and never runs Python again, not even at its end (2.0.31, with its gevent
loop). So what was tracked while it loaded goes to one of its workers.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType


def server() -> ModuleType | None:
    """The module that exists inside a uWSGI server only; None also where that runs another loop than gevent's."""
    uwsgi = module()
    return uwsgi if uwsgi is not None and _turns_hub(uwsgi) else None


def lacks_hub() -> bool:
    """Whether this is a uWSGI server whose requests run outside greenlets, so that no hub ever turns.

    Its end can't be used either: without the gevent loop it calls `uwsgi.atexit` and the interpreter's exit handlers
    from a C signal handler, without the GIL, and any use of a greenlet there is a segmentation fault.
    """
    uwsgi = module()
    return uwsgi is not None and not _turns_hub(uwsgi)


def _turns_hub(uwsgi: ModuleType) -> bool:
    return getattr(uwsgi, "loop", None) in (b"gevent", "gevent")


def module() -> ModuleType | None:
    """The module that exists inside a uWSGI server only, whatever loop it runs."""
    try:
        return import_module("uwsgi")
    except ImportError:
        return None


class Legacy:
    """The right to send what a master holds. It goes to the first of its workers that claims it, and to no other."""

    def __init__(self) -> None:
        # One byte in a pipe that every worker inherits: the kernel sees to it that one of them reads it.
        self._reader, writer = os.pipe()
        os.write(writer, b"1")
        os.close(writer)
        weakref.finalize(self, os.close, self._reader).atexit = False

    @classmethod
    def of_master(cls) -> Legacy | None:
        """One for a master that is loading the application; None in any other process."""
        uwsgi = server()
        is_master = uwsgi is not None and uwsgi.worker_id() == 0 and uwsgi.masterpid() == os.getpid()
        return cls() if is_master else None

    def claim(self) -> bool:
        """Whether the caller's process now has the right, which nobody had before. Never waits."""
        return bool(os.read(self._reader, 1))


def is_worker() -> bool:
    """Whether this process serves requests; a master, a mule and a spooler do not."""
    uwsgi = server()
    return uwsgi is not None and uwsgi.worker_id() > 0


def chain(hook: str, function: Callable[[], object]) -> None:
    """Have uWSGI call `function` too where it calls the `hook`, `"atexit"` or `"post_fork_hook"`; a no-op elsewhere."""
    uwsgi = server()
    if uwsgi is not None:
        before = getattr(uwsgi, hook, None)
        setattr(uwsgi, hook, partial(_both, function, before) if before else function)


def _both(first: Callable[[], object], second: Callable[[], object]) -> None:
    first()
    second()
