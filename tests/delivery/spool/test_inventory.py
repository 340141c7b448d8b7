"""What people see of a spool directory, and what they delete of it, while processes use it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.program import ROOT

from segment_gevent.delivery.spool import inventory
from segment_gevent.delivery.spool.store import Store

PROGRAMS = ROOT / "tests" / "programs"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has ten messages in memory and on disk."""
    command = [sys.executable, str(PROGRAMS / "spool_holder.py"), str(tmp_path), "aaaa"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "10\n"
    yield process
    process.kill()
    process.communicate()


def leave(directory: Path, scope: str, *bodies: bytes) -> None:
    store = Store(directory, scope)
    store.add(list(enumerate(bodies)), owned=True)
    store.close()


def test_an_empty_spool(tmp_path: Path) -> None:
    """A directory without files, or none at all, is not an error."""
    for directory in (tmp_path, tmp_path / "nowhere"):
        assert inventory.status(directory) == []
        assert list(inventory.messages(directory)) == []
        assert inventory.purge(directory) == 0


def test_live_left_and_broken_files_are_told_apart(tmp_path: Path, live: subprocess.Popen[str]) -> None:
    """What the living hold, what waits for anyone, and what can't be read; then all is left."""
    leave(tmp_path, "bbbb", b"1", b"2")
    (tmp_path / "spool-cccc-1-00.db").write_bytes(b"rubbish" * 1000)
    (tmp_path / "spool-cccc-2-00.db.broken-3").write_bytes(b"rubbish")
    found = {(file.scope, file.state, file.held, file.free) for file in inventory.status(tmp_path)}
    assert found == {("aaaa", "live", 10, 0), ("bbbb", "left", 0, 2), ("cccc", "broken", 0, 0)}
    assert all(file.oldest is not None and file.size > 4_000 for file in inventory.status(tmp_path) if file.scope < "c")
    live.kill()
    live.wait()
    states = {(file.scope, file.state, file.free) for file in inventory.status(tmp_path)}
    assert states == {("aaaa", "left", 10), ("bbbb", "left", 2), ("cccc", "broken", 0)}


def test_messages_can_be_read_without_taking_them(tmp_path: Path, live: subprocess.Popen[str]) -> None:
    """Those of a living process as well; afterwards they are where they were."""
    leave(tmp_path, "bbbb", *(b"%d" % number for number in range(1_200)))
    for _ in range(2):
        assert len(list(inventory.messages(tmp_path, scope="aaaa"))) == 10
        bodies = [message.body for message in inventory.messages(tmp_path, scope="bbbb")]
        assert bodies == [b"%d" % number for number in range(1_200)]
    assert {(message.scope, message.held) for message in inventory.messages(tmp_path)} == {
        ("aaaa", True),
        ("bbbb", False),
    }
    assert live.stdin is not None
    assert live.stdout is not None
    live.stdin.write("\n")
    live.stdin.flush()
    assert live.stdout.readline() == "20\n"
    assert len(list(inventory.messages(tmp_path, scope="aaaa"))) == 20


def test_purge_spares_the_living(tmp_path: Path, live: subprocess.Popen[str]) -> None:
    """It deletes what nobody has, of one scope or of all."""
    leave(tmp_path, "bbbb", b"1", b"2")
    leave(tmp_path, "cccc", b"3")
    (tmp_path / "spool-cccc-2-00.db.broken-3").write_bytes(b"rubbish")
    assert inventory.purge(tmp_path, scope="bbbb") == 2
    assert {file.scope for file in inventory.status(tmp_path)} == {"aaaa", "cccc"}
    assert inventory.purge(tmp_path) == 1
    assert [(file.scope, file.held) for file in inventory.status(tmp_path)] == [("aaaa", 10)]


def test_a_look_in_the_same_process_does_not_loosen_its_lock(tmp_path: Path) -> None:
    """POSIX drops a process's lock with any descriptor of the file: a store in it must stay the owner."""
    store = Store(tmp_path, "aaaa")
    store.add([(0, b"1")], owned=True)
    assert [file.state for file in inventory.status(tmp_path)] == ["live"]
    assert len(list(inventory.messages(tmp_path))) == 1
    assert inventory.purge(tmp_path) == 0
    code = (
        f"from segment_gevent.delivery.spool.store import Store; print(Store({str(tmp_path)!r}, 'aaaa').claim(100, 10))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True, env=ENVIRONMENT) == "[]\n"
    store.remove(0, 1)
    store.close()
    assert os.listdir(tmp_path) == []
