"""The checkpoint: what a later run goes on with, and when it must not."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import orjson
import pytest
from servers.import_command import GOOD, importing, lines, numbered, rejected, run
from servers.local_segment import LocalSegment
from servers.program import Process

from segment_gevent.cli.importing.claim import Claim


def refused(server: LocalSegment, *arguments: object) -> str:
    """Why the command does not begin, on one line."""
    before = server.summary()["total"]
    said = " ".join(run(server, *arguments, code=2).split())
    assert server.summary()["total"] == before
    return said


def test_a_finished_import_sends_nothing_again(segment_server: LocalSegment, tmp_path: Path) -> None:
    """With its checkpoint; and lines that were added since are sent."""
    path, checkpoint = lines(tmp_path / "a", *numbered(10)), tmp_path / "checkpoint"
    for _ in range(2):
        said = run(segment_server, path, "--checkpoint", checkpoint)
    assert "delivered 10, rejected 0" in said
    assert "of these 10 by earlier runs" in said
    path.write_bytes(path.read_bytes() + b"\n".join(list(numbered(12))[10:]))
    assert "delivered 12" in run(segment_server, path, "--checkpoint", checkpoint)
    assert segment_server.summary()["total"] == 12


def test_a_changed_file_is_noticed(segment_server: LocalSegment, tmp_path: Path) -> None:
    """Where lines that were sent are others now, nothing more is."""
    path, checkpoint = lines(tmp_path / "a", *numbered(10)), tmp_path / "checkpoint"
    run(segment_server, path, "--checkpoint", checkpoint)
    lines(path, *numbered(10), GOOD).write_bytes(path.read_bytes().replace(b'"n":3', b'"n":4'))
    assert "has changed since the checkpoint" in run(segment_server, path, "--checkpoint", checkpoint, code=2)
    assert segment_server.summary()["total"] == 10


def test_a_file_that_became_shorter_is_noticed(segment_server: LocalSegment, tmp_path: Path) -> None:
    """Though the lines that are left are the same."""
    path, checkpoint = lines(tmp_path / "a", *numbered(10)), tmp_path / "checkpoint"
    run(segment_server, path, "--checkpoint", checkpoint)
    lines(path, *numbered(5))
    assert "a has changed since the checkpoint" in refused(segment_server, path, "--checkpoint", checkpoint)


def test_rejects_are_not_written_over(segment_server: LocalSegment, tmp_path: Path) -> None:
    """Unless a checkpoint says that they are this import's."""
    path = lines(tmp_path / "a", GOOD)
    (tmp_path / "bad").write_text("precious")
    assert "bad exists" in " ".join(run(segment_server, path, "--rejects", tmp_path / "bad", code=2).split())


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--set", "event=E"), "is of an import with another --map or --set"),
        (("--write-key", "other"), "is of an import with another write key"),
        (("--host", "http://127.0.0.1:9"), "is of an import with another host"),
        (("--rejects", "bad"), "is of an import with another --rejects"),
    ],
)
def test_a_checkpoint_is_not_taken_for_another_imports(
    segment_server: LocalSegment, tmp_path: Path, flags: tuple[str, ...], said: str
) -> None:
    """It would leave out what the other import did not send."""
    path, checkpoint = lines(tmp_path / "a", GOOD), tmp_path / "c"
    run(segment_server, path, "--checkpoint", checkpoint)
    kept = checkpoint.read_bytes()
    assert said in refused(segment_server, path, "--checkpoint", checkpoint, *flags)
    assert checkpoint.read_bytes() == kept
    assert sorted(os.listdir(tmp_path)) == ["a", "c"]


def test_a_checkpoint_of_another_format_is_refused(segment_server: LocalSegment, tmp_path: Path) -> None:
    """The same lines would be other records."""
    path, checkpoint = lines(tmp_path / "a", b"userId;event", b"u;E"), tmp_path / "c"
    run(segment_server, path, "--checkpoint", checkpoint, "--format", "csv", "--delimiter", ";")
    path.write_bytes(path.read_bytes() + b"u;F\n")
    assert "another --format or --delimiter" in refused(segment_server, path, "--checkpoint", checkpoint)


def test_a_checkpoint_of_other_files_is_refused(segment_server: LocalSegment, tmp_path: Path) -> None:
    """But further files may join those that it knows."""
    first, second = lines(tmp_path / "a", *numbered(2)), lines(tmp_path / "b", GOOD)
    checkpoint = tmp_path / "c"
    run(segment_server, first, "--checkpoint", checkpoint)
    assert f"is of an import of {first}" in refused(segment_server, second, "--checkpoint", checkpoint)
    assert "delivered 3" in run(segment_server, first, second, "--checkpoint", checkpoint)
    assert segment_server.summary()["total"] == 3


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version":1}', GOOD, b'{"version":1,"terms":{},"files":[3]}'])
def test_what_is_no_checkpoint_is_left_as_it_is(segment_server: LocalSegment, tmp_path: Path, content: bytes) -> None:
    """It may be precious."""
    path, other = lines(tmp_path / "a", GOOD), tmp_path / "c"
    other.write_bytes(content)
    assert "c is no checkpoint" in refused(segment_server, path, "--checkpoint", other)
    assert other.read_bytes() == content


def test_a_wrong_key_may_be_put_right(segment_server: LocalSegment, tmp_path: Path) -> None:
    """While nothing was delivered, the checkpoint is anybody's."""
    path, checkpoint = lines(tmp_path / "a", b"{", GOOD), tmp_path / "c"
    segment_server.faults([{"status": 401}])
    run(segment_server, path, "--checkpoint", checkpoint, "--write-key", "wrong", code=2)
    said = run(segment_server, path, "--checkpoint", checkpoint, "--write-key", "right", code=1)
    assert "delivered 1, rejected 1" in said


def test_two_imports_do_not_share_a_checkpoint_at_a_time(segment_server: LocalSegment, tmp_path: Path) -> None:
    """The second is refused, and a killed one does not keep it."""
    path, checkpoint = lines(tmp_path / "a", *numbered(1_000)), tmp_path / "c"
    with importing(segment_server, path, "--checkpoint", checkpoint, "--rate", 10) as process:
        segment_server.wait_for(1)
        assert "c is in use by another import" in refused_at_once(segment_server, path, "--checkpoint", checkpoint)
        process.signal(signal.SIGKILL)
        process.ended()
    assert "delivered 1,000" in run(segment_server, path, "--checkpoint", checkpoint)
    assert sorted(os.listdir(tmp_path)) == ["a", "c"]


def refused_at_once(server: LocalSegment, *arguments: object) -> str:
    """As `refused`, while another import sends."""
    return " ".join(run(server, *arguments, code=2).split())


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--checkpoint", "a"), "--checkpoint a is a file to import too"),
        (("--rejects", "a"), "--rejects a is a file to import too"),
        (("--checkpoint", "b", "--rejects", "./b"), "--rejects ./b is that of --checkpoint too"),
        (("--checkpoint", "no/c"), "no/c: No such file or directory"),
        (("--rejects", "no/c"), "no/c: No such file or directory"),
    ],
)
def test_nothing_is_written_over(
    segment_server: LocalSegment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: tuple[str, ...],
    said: str,
) -> None:
    """A slip of the hand costs no file."""
    monkeypatch.chdir(tmp_path)
    kept = lines(tmp_path / "a", GOOD).read_bytes()
    assert said in refused(segment_server, "a", *flags)
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == kept


def test_a_checkpoint_that_can_not_be_written_ends_the_import(segment_server: LocalSegment, tmp_path: Path) -> None:
    """Before anything is sent that it would not know of."""
    (tmp_path / "c.new").mkdir()
    said = run(segment_server, lines(tmp_path / "a", GOOD), "--checkpoint", tmp_path / "c", code=2)
    assert "not finished: the checkpoint or the rejects can't be written: Is a directory" in said
    assert segment_server.summary()["total"] == 0


def test_a_full_disk_ends_the_import(tmp_path: Path) -> None:
    """In words; the checkpoint counts no reject that is not there."""
    path = lines(tmp_path / "a", *[b"{"] * 20_000)
    shell = (
        f"ulimit -f 40; exec {sys.executable} -B -m segment_gevent import {path} --write-key k "
        f"--host http://127.0.0.1:9 --checkpoint {tmp_path}/c --rejects {tmp_path}/bad"
    )
    with Process(["sh", "-c", shell]) as process:
        ended = process.ended()
    assert ended.code == 2, ended
    assert "rejects can't be written: File too large" in ended.output
    assert "Traceback" not in ended.errors
    kept = orjson.loads((tmp_path / "c").read_bytes())
    rows = (tmp_path / "bad").read_bytes()[: kept["rejects"]].splitlines()
    assert len(rows) == sum(each["ledger"]["rejected"] for each in kept["files"].values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_import_goes_on(segment_server: LocalSegment, tmp_path: Path, number: signal.Signals) -> None:
    """Every line is there once: what a killed import sent without writing it down, the server has twice by one id."""
    count = 20_000
    path = lines(tmp_path / "a.ndjson", b"{", *numbered(count), b"[]")
    flags = ("--checkpoint", tmp_path / "checkpoint", "--rejects", tmp_path / "bad")
    with importing(segment_server, path, *flags, "--rate", count // 4) as process:
        segment_server.wait_for(count // 10, timeout=600)
        process.signal(number)
        assert process.ended(120).code == (-9 if number == signal.SIGKILL else 2)
    assert segment_server.summary()["total"] < count
    with importing(segment_server, path, *flags) as process:
        ended = process.ended(600)
    assert ended.code == 1, ended
    assert f"delivered {count:,}, rejected 2" in ended.output
    assert [row["line"] for row in rejected(tmp_path / "bad")] == [1, count + 2]
    counts = segment_server.summary()
    assert (counts["total"] - counts["duplicates"], counts["invalid"]) == (count, 0)
    if number != signal.SIGKILL:
        assert counts["duplicates"] == 0


def test_a_lock_file_that_somebody_cleaned_up_is_no_error(tmp_path: Path) -> None:
    """The claim is let go of all the same."""
    path = str(tmp_path / "checkpoint")
    claim = Claim(path)
    os.unlink(f"{path}.lock")
    claim.close()
    Claim(path).close()
