"""The claim: one import at a time has a checkpoint, which two would replace in turn."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress


class ClaimedError(Exception):
    """Another process has it."""


class Claim:
    """A locked file beside another one. The lock ends with the process, however that ends; the file goes with `close`.

    Raises:
        ClaimedError: another process has it.
        OSError: the file can't be made.
    """

    def __init__(self, path: str) -> None:
        self._path = f"{path}.lock"
        while True:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                os.close(self._file)
                raise ClaimedError from error
            if self._is_in_place():
                return
            os.close(self._file)  # who had it before deleted it between the two steps

    def close(self) -> None:
        """Let go of it."""
        with suppress(FileNotFoundError):
            os.unlink(self._path)
        os.close(self._file)

    def _is_in_place(self) -> bool:
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._file), os.stat(self._path))
        return False
