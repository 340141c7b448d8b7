"""Facts of the spool's directory and of the OAuth key's file."""

from __future__ import annotations

import os
import time
from pathlib import Path

from segment_gevent.diagnosis.facts import OAuth, Spool, SpoolFiles
from segment_gevent.errors import ConfigError
from segment_gevent.options import Options


def spool(options: Options, *, opens_files: bool) -> Spool | None:
    """Blocks for as long as the disk takes; None where no spool is asked for. Makes nothing.

    Args:
        opens_files: whether to look into each file; not in an application, whose hub that would hold up.
    """
    if not options.spool_dir:
        return None
    from segment_gevent.delivery.spool.directory import SpoolDirectory  # with sqlite3

    path = Path(os.path.realpath(options.spool_dir))
    try:
        nearest = next(each for each in (path, *path.parents) if each.exists())
        state, disk = nearest.stat(), os.statvfs(nearest)
        files = SpoolDirectory(path).files() if path.is_dir() else []
        return Spool(
            path=str(path),
            exists=path.exists(),
            is_directory=nearest.is_dir(),
            is_writable=os.access(nearest, os.W_OK | os.X_OK),
            mode=state.st_mode & 0o777,
            owner_is_other=state.st_uid != os.geteuid(),
            file_system=file_system(str(nearest), _mounts()),
            free=disk.f_bavail * disk.f_frsize,
            used=sum(file.size for file in files),
            bound=options.spool_max_bytes,
            files=_files(path) if opens_files and path.is_dir() else None,
        )
    except Exception as error:  # OSError, and the spool's own
        return Spool(path=str(path), problem=str(error))


def _files(path: Path) -> SpoolFiles:
    from segment_gevent.delivery.spool import inventory

    files = inventory.status(path)
    left = [file for file in files if file.state == "left"]
    oldest = [file.oldest for file in left if file.oldest is not None]
    return SpoolFiles(
        live=sum(file.state == "live" for file in files),
        left=len(left),
        left_messages=sum(file.free for file in left),
        left_age=time.time() - min(oldest) if oldest else 0.0,
        broken=sum(file.state == "broken" for file in files),
        newer=sum(file.state == "newer" for file in files),
    )


def _mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def file_system(path: str, mounts: str) -> str:
    """The type of the file system that has `path`, by the lines of /proc/self/mounts; the last of the longest wins.

    >>> file_system("/srv/spool", "disk / ext4 rw 0 0\\nserver:/x /srv nfs4 rw 0 0")
    'nfs4'
    """
    best, kind = "", ""
    for line in mounts.splitlines():
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = parts[1].replace("\\040", " ")
        if (path == point or path.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, kind = point, parts[2]
    return kind


def oauth(options: Options) -> OAuth | None:
    """Parses the key: 28 to 200 ms of CPU. None where OAuth is not asked for."""
    given = options.oauth_client_key
    if not given:
        return None
    from segment_gevent.delivery.oauth.client_key import ClientKey

    try:
        ClientKey(given)
    except ConfigError as error:
        return OAuth(problem=str(error))
    path = "" if "-----BEGIN" in given else given
    return OAuth(path=path, is_open_to_others=bool(path) and bool(os.stat(path).st_mode & 0o044))
