"""Which process answers for a file: a POSIX lock that ends with its process, and that a fork does not inherit."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

_claimed: dict[str, object] = {}
"""The lock files that this process holds, and those that were held by the processes it was forked from.

POSIX locks belong to a process: a second look from the same process would find the lock free, and closing that look's
file descriptor would drop it. A forked child keeps its parent's entries, and so never takes what was open as it was
made: SQLite keeps a table of open files that a fork inherits, and a child that opens one of them anew takes no locks.
"""


class Ownership:
    """One lock file, held until `give_back`, or until the process ends in whatever way."""

    def __init__(self, path: str, fd: int) -> None:
        self._path = path
        self._fd = fd

    @classmethod
    def take(cls, path: str) -> Ownership | None:
        """The lock file at `path` (absolute, without symlinks), made if there is none; None while another has it.

        Raises:
            OSError: it can't be made or opened.
        """
        ticket = object()
        if _claimed.setdefault(path, ticket) is not ticket:  # one atomic step, for no lock of Python's is safe here
            return None
        ownership = None
        try:
            ownership = cls._lock(path)
        finally:
            if ownership is None:
                del _claimed[path]
        return ownership

    @classmethod
    def _lock(cls, path: str) -> Ownership | None:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(fd, 0o600)  # whatever the umask took away
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it before may have deleted it between our open and our lock; then a third can make it anew.
            if os.fstat(fd).st_ino == os.stat(path).st_ino:
                return cls(path, fd)
        except (BlockingIOError, PermissionError, FileNotFoundError):  # POSIX lets lockf say EAGAIN or EACCES
            pass
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return None

    def give_back(self, *, delete: bool) -> None:
        """Let others have it; `delete` when nothing is left that it stands for. Never raises."""
        with suppress(OSError):
            if delete:
                os.unlink(self._path)
        with suppress(OSError):
            os.close(self._fd)
        _claimed.pop(self._path, None)


def is_held_here(path: str) -> bool:
    """Whether this process, or one that it was forked from, holds the lock file at `path`."""
    return path in _claimed
