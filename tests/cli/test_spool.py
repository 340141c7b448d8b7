"""`segment-gevent spool`: what it shows, saves and deletes, of a directory that a client left."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from servers.spool_command import leave, spool

from segment_gevent import Client
from segment_gevent.testing import Hold, ScriptedTransport


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path / "spool")


@pytest.mark.parametrize("command", ["status", "list", "replay", "export", "purge"])
def test_a_directory_that_is_not_there_is_a_usage_error(directory: str, command: str) -> None:
    """Most likely it is misspelt; and it is not made."""
    said = spool(command, "--spool-dir", directory, code=2, SEGMENT_WRITE_KEY="key")
    assert "does not exist" in said
    assert not os.path.exists(directory)


def test_status_of_an_empty_spool(tmp_path: Path) -> None:
    """A directory with nothing in it is no error."""
    assert "The spool is empty" in spool("status", "--spool-dir", str(tmp_path))


def test_status_counts_messages_by_file(directory: str) -> None:
    """With what they are for, whether a process has them, and the sum."""
    leave(directory, "1", "2")
    leave(directory, "3")
    said = spool("status", "--spool-dir", directory)
    assert said.count("left behind") == 2
    assert "3 messages in 2 files" in said


def test_status_of_a_live_spool(directory: str, make_client: Callable[..., Client]) -> None:
    """Its messages are held by its process, which the command does not disturb."""
    hold = Hold()
    client = make_client(transport=ScriptedTransport(hold), spool_dir=directory, durable="sync")
    client.track("s", event="1")
    said = spool("status", "--spool-dir", directory)
    assert "live" in said
    assert "1 message in 1 file" in said
    assert spool("purge", "--spool-dir", directory, "--yes").strip() == "purged 0"
    hold.release()
    assert client.shutdown() is True
    assert os.listdir(directory) == []


def test_status_tells_of_a_broken_file(directory: str) -> None:
    """By its exit code too."""
    leave(directory, "1")
    (file,) = Path(directory).glob("*.db")
    file.write_bytes(b"rubbish" * 1_000)
    assert "broken" in spool("status", "--spool-dir", directory, code=1)


def test_a_file_of_a_later_version_is_newer_and_not_broken(directory: str) -> None:
    """Nothing is wrong with it, and a purge leaves it to that version."""
    leave(directory, "1")
    (file,) = Path(directory).glob("*.db")
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")
    said = spool("status", "--spool-dir", directory)
    assert "newer" in said
    assert "broken" not in said
    assert spool("purge", "--spool-dir", directory, "--yes").strip() == "purged 0"
    assert file.exists()


def test_list_shows_the_messages(directory: str) -> None:
    """A line each; no more than asked for."""
    leave(directory, "First", "Second [bold]", "Third")
    said = spool("list", "--spool-dir", directory)
    assert [re.split(" {2,}", line)[2] for line in said.splitlines()] == ["First", "Second [bold]", "Third"]
    assert "ilya" in said
    few = spool("list", "--spool-dir", directory, "--limit", "1")
    assert "First" in few
    assert "Second" not in few
    assert "more" in few


def test_list_shows_what_strangers_wrote_as_it_is(directory: str) -> None:
    """A terminal obeys none of it; and a time that is none, in a file that was tampered with, is no error."""
    leave(directory, "\x1b]0;mine\x07", "Second")
    (file,) = Path(directory).glob("*.db")
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE messages SET created = ? WHERE id = (SELECT max(id) FROM messages)", (10**18,))
    first, second = spool("list", "--spool-dir", directory).splitlines()
    assert "\\x1b]0;mine\\x07" in first
    assert re.split(" {2,}", second)[0] == "no such time"
    assert "Second" in second


def test_export_writes_every_message_and_leaves_them(directory: str, tmp_path: Path) -> None:
    """As lines of JSON, to stdout or to a private file that was not there."""
    leave(directory, "1", "2")
    lines = spool("export", "--spool-dir", directory).splitlines()
    assert [orjson.loads(line)["event"] for line in lines] == ["1", "2"]
    output = tmp_path / "messages.jsonl"
    assert "exported 2" in spool("export", "--spool-dir", directory, "--output", str(output))
    assert output.read_text().splitlines() == lines
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert "exists" in spool("export", "--spool-dir", directory, "--output", str(output), code=1)
    assert "2 messages" in spool("status", "--spool-dir", directory)


def test_purge_asks_and_deletes(directory: str) -> None:
    """Without a yes nothing goes."""
    leave(directory, "1", "2")
    spool("purge", "--spool-dir", directory, code=1)
    assert "2 messages" in spool("status", "--spool-dir", directory)
    assert "purged 2" in spool("purge", "--spool-dir", directory, "--yes")
    assert os.listdir(directory) == []
