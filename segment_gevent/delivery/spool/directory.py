"""One spool directory: the names, sizes and permissions of its files.

    spool-<scope>-<made, in ms>-<random>.db         the messages of one process, with SQLite's -wal and -shm
    spool-<scope>-<made, in ms>-<random>.lock       locked while that process lives, or who took it over
    spool-<scope>-<made, in ms>-<random>.db.broken-<ms>    a file that could not be used

The scope says whose key and host the messages are for. A file a process, and not one for all, because SQLite keeps a
table of the files it has open that a fork inherits: a child that opens its parent's file takes no locks on it, and
loses what it writes when the parent closes its own.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from segment_gevent.delivery.spool.database import SIDE_FILES, delete_files, translated

_NAME = re.compile(
    r"(?P<base>(?P<stem>spool-(?P<scope>[0-9a-z]+)-(?P<made>\d{1,16})-[0-9a-f]+)(?P<end>\.db|\.db\.broken-\d+|\.lock))"
    rf"(?P<side>(?:\.draft)?(?:{'|'.join(SIDE_FILES)})?)"
)


def scope_of(api_key: str, host: str) -> str:
    """Whose messages these are, as 16 hexadecimal digits that don't tell the key; in the names of the files."""
    key = hashlib.blake2b(api_key.encode()).digest()
    return hashlib.blake2b(host.rstrip("/").encode(), key=key, person=b"segment-spool", digest_size=8).hexdigest()


@dataclass
class SpoolFile:
    """One database of the directory, with what belongs to it."""

    path: Path
    """Of the database; it may be gone, and only its lock left."""
    lock: Path
    scope: str
    made: int
    """Milliseconds since 1970."""
    is_broken: bool
    size: int = 0
    """Bytes, with all that belongs to it."""
    changed: float = 0.0
    """When something in it last changed, in seconds since 1970."""
    parts: set[str] = field(default_factory=set)

    @property
    def stem(self) -> str:
        return self.path.name.partition(".")[0]

    @property
    def exists(self) -> bool:
        """Whether there was a database, or one about to become it, and not just a lock, when the directory was read."""
        return not self.parts.isdisjoint(("", ".draft"))

    def delete(self) -> None:
        """Delete the database, not its lock. Never raises."""
        delete_files(self.path)

    def broken_name(self, now: int) -> Path:
        """Where it goes when it can't be used."""
        return self.path.with_name(f"{self.path.name}.broken-{now}")


class SpoolDirectory:
    """The directory at `path`, which need not be there yet. Every method blocks and may raise SpoolError."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.realpath(path))

    def prepare(self) -> None:
        """Make the directory, for its owner alone; one that is there and has only our files is made so."""
        with translated(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self.path.mkdir(mode=0o700)
            except FileExistsError:
                state = self.path.stat()
                is_ours = state.st_uid == os.geteuid() and all(map(_NAME.fullmatch, os.listdir(self.path)))
                if not (state.st_mode & 0o077 and is_ours):
                    return
            self.path.chmod(0o700)

    def new_file(self, scope: str, made: int) -> SpoolFile:
        """A name that nobody has used, and so far no file."""
        return self._file(f"spool-{scope}-{made}-{secrets.token_hex(8)}", ".db", scope, made)

    def files(self) -> list[SpoolFile]:
        """All that is here, the oldest first; empty when there is no directory."""
        files: dict[str, SpoolFile] = {}
        with translated(self.path):
            try:
                entries = list(os.scandir(self.path))
            except FileNotFoundError:
                return []
            for entry in entries:
                if match := _NAME.fullmatch(entry.name):
                    end = ".db" if match["end"] == ".lock" else match["end"]
                    name = match["stem"] + end
                    file = files.setdefault(name, self._file(match["stem"], end, match["scope"], int(match["made"])))
                    _count_in(file, entry, match["end"] if match["end"] == ".lock" else match["side"])
        return sorted(files.values(), key=lambda file: (file.made, file.path))

    def _file(self, stem: str, end: str, scope: str, made: int) -> SpoolFile:
        return SpoolFile(self.path / f"{stem}{end}", self.path / f"{stem}.lock", scope, made, end != ".db")


def _count_in(file: SpoolFile, entry: os.DirEntry[str], part: str) -> None:
    try:
        state = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    file.parts.add(part)
    file.size += state.st_size
    file.changed = max(file.changed, state.st_mtime)
