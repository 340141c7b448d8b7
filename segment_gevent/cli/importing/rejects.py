"""The rejects: the bad lines and why they are bad, a line of JSON each."""

from __future__ import annotations

import os
from contextlib import suppress

import orjson


class Rejects:
    """A file of rejects, new or continued.

    Args:
        path: where; "" counts only.
        size: bytes of it that an earlier run's checkpoint knows of. What stands behind them belongs to lines that this
            run reads again, and goes.

    Raises:
        FileExistsError: there is one, and no earlier run to continue.
        OSError: it can't be written.
    """

    def __init__(self, path: str, *, size: int, is_resumed: bool) -> None:
        self._file = None
        if path:
            flags = os.O_RDWR | os.O_CREAT | (0 if is_resumed else os.O_EXCL)
            self._file = open(os.open(path, flags, 0o600), "r+b")  # noqa: SIM115 - closed by `close`
            self._file.truncate(min(size, self._file.seek(0, os.SEEK_END)))
            self._file.seek(0, os.SEEK_END)

    def write(self, name: str, line: int, reason: str, raw: bytes) -> None:
        """One more.

        Raises:
            OSError: it can't be written.
        """
        if self._file is not None:
            text = raw.decode("utf-8", "backslashreplace")
            row = {"file": _shown(name), "line": line, "reason": _shown(reason), "text": text}
            self._file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

    def flush(self) -> int:
        """Hand all to the system, for `sync`; the file's size.

        Raises:
            OSError: it can't be written.
        """
        if self._file is None:
            return 0
        self._file.flush()
        return self._file.tell()

    def sync(self) -> None:
        """Have what was flushed on disk. Blocks, some milliseconds."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """What was not flushed may be lost: it belongs to no checkpoint."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()


def _shown(text: str) -> str:
    """Names of files and of columns may be no UTF-8."""
    return text.encode(errors="backslashreplace").decode()
