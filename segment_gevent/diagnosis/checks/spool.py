"""What the spool's directory, its disk and its files mean for what should survive."""

from __future__ import annotations

from collections.abc import Iterator

from segment_gevent.diagnosis.facts import Spool
from segment_gevent.diagnosis.finding import Finding, Subject
from segment_gevent.words import counted

HERE = Subject("spool")

OF_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs", "afs"}
OF_MEMORY = {"tmpfs", "ramfs"}

OLD = 3600.0
"""Seconds for which messages of ended processes may wait before somebody should look."""


def findings(facts: Spool) -> Iterator[Finding]:
    wrong = _of_directory(facts)
    if wrong is not None:
        yield wrong
        return
    if facts.file_system in OF_NETWORK:
        yield HERE.error(
            "spool-on-network",
            f"{facts.path} is on a network file system, {facts.file_system}",
            "SQLite's locks and write-ahead log need a disk of this machine; messages can be lost or sent twice.",
            "name a directory on a local disk",
        )
    if facts.file_system in OF_MEMORY:
        yield HERE.warning(
            "spool-in-memory",
            f"{facts.path} is in memory ({facts.file_system})",
            "It survives a process, and not the machine or the container.",
            "name a directory on a disk, or a volume",
        )
    if facts.exists and facts.mode & 0o077:
        yield HERE.warning(
            "spool-open",
            f"{facts.path} is open to other users of the machine ({facts.mode:o})",
            "The messages in it are the events as they are, with what they say of people.",
            f"chmod 700 {facts.path}",
        )
    yield from _of_space(facts)
    yield from _of_files(facts)


def _of_directory(facts: Spool) -> Finding | None:
    if facts.problem:
        return HERE.error("spool-unreadable", f"{facts.path} can't be looked at", facts.problem, "look at its rights")
    if facts.exists and not facts.is_directory:
        return HERE.error("spool-no-directory", f"{facts.path} is no directory", "", "name a directory as spool_dir")
    if not facts.is_writable:
        whose = "It belongs to another user. " if facts.owner_is_other else ""
        what = "is not writable" if facts.exists else "is not there, and can't be made"
        return HERE.error(
            "spool-not-writable",
            f"{facts.path} {what}",
            f"{whose}What can't be delivered fails or is dropped, as if there were no spool.",
            "give it to the user that runs the application",
        )
    return None


def _of_space(facts: Spool) -> Iterator[Finding]:
    room = facts.bound - facts.used
    if facts.free < room:
        yield HERE.warning(
            "spool-space",
            f"{_size(facts.free)} are free where the spool may grow by {_size(room)}",
            "A disk that is full stops the spool, and whatever else writes there.",
            f"free some space, or spool_max_bytes={facts.used + facts.free // 2:_}",
        )


def _of_files(facts: Spool) -> Iterator[Finding]:
    if facts.files is None:
        yield HERE.ok("spool", f"{facts.path}: {_size(facts.used)} of {_size(facts.bound)}, {_size(facts.free)} free")
        return
    files = facts.files
    if files.broken:
        yield HERE.warning(
            "spool-broken",
            f"{counted(files.broken, 'file')} in {facts.path} can't be read",
            "It was set aside, and the spool goes on without it.",
            f"look with `segment-gevent spool status --spool-dir {facts.path}`, then delete it",
        )
    if files.left_messages and files.left_age > OLD:
        yield HERE.warning(
            "spool-left",
            f"{counted(files.left_messages, 'message')} of ended processes wait in {facts.path}",
            f"The oldest came {files.left_age / 3600:,.0f} h ago. No process that could send them lives.",
            f"start one, or `segment-gevent spool replay --spool-dir {facts.path}`",
        )
    held = counted(files.live + files.left, "file")
    size = f"{_size(facts.used)} of {_size(facts.bound)}, {_size(facts.free)} free"
    yield HERE.ok("spool", f"{facts.path}: {held}, {size}")


def _size(size: int) -> str:
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{max(0, size)} bytes"
