"""Which process answers for a spool file: a POSIX lock on a file beside it, which ends with its process, however.

A lock file goes with its database: who holds the lock deletes it when there is no database any more.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from segment_gevent.delivery.spool.database import is_gone, translated
from segment_gevent.delivery.spool.directory import SpoolFile

_taken: dict[tuple[int, str], object] = {}
"""What each process holds, by its id: POSIX locks belong to a process, so that a second look from the same one would
find the lock free, and closing that look's file descriptor would drop it. A fork inherits the entries and not the
locks: a child asks the lock whether its parent lives.
"""


class Ownership:
    """The lock of one spool file, held until `give_back`, or until the process ends."""

    def __init__(self, file: SpoolFile, fd: int) -> None:
        self._file = file
        self._fd = fd

    @classmethod
    def take(cls, file: SpoolFile) -> Ownership | None:
        """The lock of `file`, made if there is none; None while anyone has it, this process too.

        Raises:
            SpoolError: it can't be made or opened.
        """
        key, ticket = (os.getpid(), str(file.lock)), object()
        if _taken.setdefault(key, ticket) is not ticket:  # one atomic step, for no lock of Python's is safe here
            return None
        fd = None
        try:
            with translated(file.lock):
                fd = _locked(str(file.lock))
        finally:
            if fd is None:
                del _taken[key]
        return None if fd is None else cls(file, fd)

    def give_back(self) -> None:
        """Let others have it. Never raises."""
        with suppress(OSError):
            if is_gone(self._file.path):
                os.unlink(self._file.lock)
        with suppress(OSError):
            os.close(self._fd)
        _taken.pop((os.getpid(), str(self._file.lock)), None)


def _locked(path: str) -> int | None:
    """A descriptor of the file at `path`, made if need be, that has the lock; None while another process has it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(fd, 0o600)  # whatever the umask took away
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it before may have deleted it between our open and our lock; then a third can make it anew.
        if os.fstat(fd).st_ino == os.stat(path).st_ino:
            return fd
    except (BlockingIOError, PermissionError, FileNotFoundError):  # POSIX lets lockf say EAGAIN or EACCES
        pass
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None
