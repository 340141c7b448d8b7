"""`segment-gevent spool`: what it shows, sends, saves and deletes, of a directory that a client left."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from servers.local_segment import LocalSegment

import segment_gevent
from segment_gevent import Client
from segment_gevent.testing import Hold, ScriptedTransport

ROOT = os.path.dirname(segment_gevent.__path__[0])


def spool(*arguments: str, code: int = 0, **environment: str) -> str:
    """What the command said on stdout, then on stderr."""
    ended = subprocess.run(
        [sys.executable, "-m", "segment_gevent", "spool", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": ROOT, **environment},
    )
    assert ended.returncode == code, ended
    assert "Traceback" not in ended.stderr
    return ended.stdout + ended.stderr


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path / "spool")


def leave(directory: str, *events: str, host: str = "https://api.segment.io") -> None:
    """A process's messages that it could not deliver."""
    with Client(
        "write-key", host=host, transport=ScriptedTransport(503), max_retries=0, spool_dir=directory, log=False
    ) as client:
        for event in events:
            client.track("s", "ilya", event)
    assert client.stats.spooled == len(events)


def test_status_of_no_spool(directory: str) -> None:
    """A directory that is not there is an empty spool, and stays away."""
    assert "The spool is empty" in spool("status", "--spool-dir", directory)
    assert not os.path.exists(directory)


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
    assert "1 messages in 1 files" in said
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


def test_replay_sends_what_was_left(directory: str, segment_server: LocalSegment) -> None:
    """For its own key and host; what is for others stays."""
    leave(directory, "1", "2", host=segment_server.url)
    leave(directory, "other")
    said = spool("replay", "--spool-dir", directory, SEGMENT_WRITE_KEY="write-key", SEGMENT_HOST=segment_server.url)
    assert "replayed 2" in said
    assert [message["event"] for message in segment_server.messages()] == ["1", "2"]
    assert "1 messages in 1 files" in spool("status", "--spool-dir", directory)


def test_replay_says_what_it_could_not_send(directory: str, segment_server: LocalSegment) -> None:
    """The messages stay, and the exit code is 1."""
    leave(directory, "1", host=segment_server.url)
    segment_server.faults([{"status": 503}] * 100)
    options = ("--write-key", "write-key", "--host", segment_server.url, "--timeout", "0.5")
    assert "left 1" in spool("replay", "--spool-dir", directory, *options, code=1)
    assert "1 messages in 1 files" in spool("status", "--spool-dir", directory)


def test_replay_needs_a_key(directory: str) -> None:
    """The spool holds none."""
    assert "--write-key" in spool("replay", "--spool-dir", directory, code=2, SEGMENT_WRITE_KEY="")
