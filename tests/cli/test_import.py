"""`segment-gevent import`: what arrives, what is rejected, what a stopped import goes on with, and its exit codes."""

from __future__ import annotations

import gzip
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
from backports import zstd
from click.testing import CliRunner
from servers.local_segment import LocalSegment
from servers.program import Process

from segment_gevent.cli.app import commands

GOOD = b'{"type":"track","userId":"u","event":"E","timestamp":"2020-05-03T10:00:00+02:00"}'


def run(server: LocalSegment | None, *arguments: object, code: int = 0, given: bytes | None = None) -> str:
    """What the command says; it sends to the server if there is one."""
    environment = {"SEGMENT_HOST": server.url if server else "", "SEGMENT_WRITE_KEY": "key", "NO_PROXY": "*"}
    words = ["import", *map(str, arguments)]
    ended = CliRunner().invoke(commands, words, env=environment, input=given)
    assert ended.exit_code == code, (ended.output, ended.exception)
    return str(ended.output)


def lines(path: Path, *texts: bytes) -> Path:
    path.write_bytes(b"\n".join(texts) + b"\n")
    return path


def numbered(count: int) -> Iterable[bytes]:
    return (b'{"type":"track","userId":"u","event":"E","properties":{"n":%d}}' % number for number in range(count))


def rejected(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def only(server: LocalSegment) -> dict[str, Any]:
    (message,) = server.messages()
    return message


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        (GOOD, {"userId": "u", "event": "E", "timestamp": "2020-05-03T08:00:00.000Z"}),
        (
            b'{"session_id":"s","user_id":"u","event":"E","properties":{"a":1},"timestamp":"3 May 2020 10:00 +0200"}',
            {"type": "track", "anonymousId": "s", "properties": {"a": 1}, "timestamp": "2020-05-03T08:00:00.000Z"},
        ),
        (b'{"action":"identify","sessionId":"s","traits":{"a":1}}', {"type": "identify", "traits": {"a": 1}}),
        (
            b'{"type":"page","anonymousId":"s","name":"Home","messageId":"mine","sentAt":"x","receivedAt":"x"}',
            {"name": "Home", "messageId": "mine", "sentAt": None, "receivedAt": None},
        ),
        (b'{"type":"group","userId":7,"groupId":"g"}', {"userId": "7", "groupId": "g"}),
        (b'{"type":"alias","userId":"u","previousId":"p","anonymousId":"a"}', {"previousId": "p", "userId": "u"}),
        (
            b'{"type":"track","userId":"u","event":"E","timestamp":1588492800}',
            {"timestamp": "2020-05-03T08:00:00.000Z"},
        ),
        (
            b'{"type":"track","userId":"u","event":"E","timestamp":"1588492800388"}',
            {"timestamp": "2020-05-03T08:00:00.388Z"},
        ),
    ],
)
def test_a_line_is_a_message(segment_server: LocalSegment, tmp_path: Path, line: bytes, sent: dict[str, Any]) -> None:
    """By the API's names or by those of the calls; what servers add to stored messages is left out."""
    run(segment_server, lines(tmp_path / "a", line))
    message = only(segment_server)
    assert {name: message.get(name) for name in sent} == sent


@pytest.mark.parametrize("name", ["plain", "a.gz", "a.zst", "-"])
def test_files_may_be_compressed(segment_server: LocalSegment, tmp_path: Path, name: str) -> None:
    """By their first bytes, also in several parts; and - is standard input."""
    content = b"\n".join(numbered(10))
    half = len(content) // 2
    if name == "a.gz":
        content = gzip.compress(content[:half]) + gzip.compress(content[half:])
    if name == "a.zst":
        compress = zstd.compress
        content = compress(content[:half]) + compress(content[half:])
    (tmp_path / name).write_bytes(content)
    if name == "-":
        command = (
            f"{sys.executable} -m segment_gevent import - --write-key k --host {segment_server.url} < {tmp_path}/-"
        )
        with Process(["sh", "-c", command], {"NO_PROXY": "*"}) as process:
            assert process.ended().code == 0
    else:
        run(segment_server, tmp_path / name)
    assert sorted(message["properties"]["n"] for message in segment_server.messages()) == list(range(10))


def test_csv_is_read_by_its_header(segment_server: LocalSegment, tmp_path: Path) -> None:
    """Names of the calls and of the API as they are, others as --map says, and constants for all."""
    path = lines(
        tmp_path / "orders.csv",
        b"userId,when,Total,note,properties.gift,internal",
        b'ilya,2020-05-03 08:00:00,17.9,"two',
        b'lines",yes,x',
        b"anna,2020-05-03 09:00:00,,,,x",
    )
    flags = ("--map", "when=timestamp", "--map", "Total=properties.total:number", "--map", "note=properties.note")
    constants = ("--map", "internal=", "--set", "event=Order Completed", "--set", "context.source=old shop")
    run(segment_server, path, *flags, *constants)
    first, second = sorted(segment_server.messages(), key=lambda message: message["timestamp"])
    assert first["properties"] == {"total": 17.9, "note": "two\nlines", "gift": "yes"}
    assert (first["event"], first["context"]["source"]) == ("Order Completed", "old shop")
    assert (second["userId"], second["properties"]) == ("anna", {})


def test_bad_lines_stop_nothing(segment_server: LocalSegment, tmp_path: Path) -> None:
    """They go to the rejects, with their number and the reason; the exit code is 1."""
    path = lines(
        tmp_path / "a.ndjson",
        b"{",
        GOOD,
        b"[1]",
        b'{"type":"track","userId":"u"}',
        b'{"type":"track","userId":"u","event":"E","propertes":{}}',
        b'{"type":"track","userId":"u","event":"E","timestamp":"some day"}',
        b'{"type":"track","userId":"u","event":"E","properties":{"a":"' + b"x" * 40_000 + b'"}}',
        b"",
        GOOD,
    )
    said = run(segment_server, path, "--rejects", tmp_path / "bad", code=1)
    assert "delivered 2, rejected 6" in said
    assert len(segment_server.messages()) == 2
    reasons = {row["line"]: row["reason"] for row in rejected(tmp_path / "bad")}
    assert sorted(reasons) == [1, 3, 4, 5, 6, 7]
    for number, words in {1: "not JSON", 3: "not list", 4: "event is required", 5: "'propertes'", 7: "32,768"}.items():
        assert words in reasons[number]
    assert next(row["text"] for row in rejected(tmp_path / "bad") if row["line"] == 3) == "[1]"


def test_a_dry_run_reports_every_bad_line_and_sends_nothing(segment_server: LocalSegment, tmp_path: Path) -> None:
    """By the same checks, with its line; no key is needed."""
    path = lines(tmp_path / "a.ndjson", GOOD, b"{", GOOD, b"[1]")
    said = run(segment_server, path, "--dry-run", "--checkpoint", tmp_path / "c", code=1)
    assert f"{path}:2: not JSON" in said
    assert f"{path}:4: a line must be a JSON object" in said
    assert "valid 2, rejected 2" in said
    assert segment_server.requests() == []
    assert not (tmp_path / "c").exists()


def test_what_the_server_refuses_is_rejected(segment_server: LocalSegment, tmp_path: Path) -> None:
    """In its words; the rest arrives."""
    bad = b'{"type":"track","userId":"u","event":"E","context":{"library":{}}}'
    said = run(segment_server, lines(tmp_path / "a", GOOD, bad, GOOD), "--rejects", tmp_path / "bad", code=1)
    assert "delivered 2, rejected 1" in said
    (row,) = rejected(tmp_path / "bad")
    assert (row["line"], row["text"]) == (2, bad.decode())
    assert "the server answered 400" in row["reason"]


@pytest.mark.parametrize("fault", [{"status": 401}, {"status": 503}])
def test_where_the_key_or_the_server_is_to_blame_nothing_is_rejected(
    segment_server: LocalSegment, tmp_path: Path, fault: dict[str, int]
) -> None:
    """The exit code is 2, and the same command goes on from there."""
    path, checkpoint = lines(tmp_path / "a", *numbered(10)), tmp_path / "checkpoint"
    segment_server.faults([fault] * 10)
    flags = ("--checkpoint", checkpoint, "--rejects", tmp_path / "bad", "--max-retries", 1)
    said = run(segment_server, path, *flags, code=2)
    assert f"not finished: the server answered {fault['status']}" in said
    segment_server.reset()
    assert "delivered 10, rejected 0" in run(segment_server, path, *flags)
    assert segment_server.summary()["total"] == 10


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


def test_without_a_checkpoint_ids_are_the_same_again(segment_server: LocalSegment, tmp_path: Path) -> None:
    """By the line and its number, so that the server drops what it has; two equal lines are two events."""
    path = lines(tmp_path / "a", GOOD, GOOD)
    run(segment_server, path)
    run(segment_server, path)
    counts = segment_server.summary()
    assert (counts["total"], counts["duplicates"]) == (4, 2)


def test_a_changed_file_is_noticed(segment_server: LocalSegment, tmp_path: Path) -> None:
    """Where lines that were sent are others now, nothing more is."""
    path, checkpoint = lines(tmp_path / "a", *numbered(10)), tmp_path / "checkpoint"
    run(segment_server, path, "--checkpoint", checkpoint)
    lines(path, *numbered(10), GOOD).write_bytes(path.read_bytes().replace(b'"n":3', b'"n":4'))
    assert "has changed since the checkpoint" in run(segment_server, path, "--checkpoint", checkpoint, code=2)
    assert segment_server.summary()["total"] == 10


def test_rejects_are_not_written_over(segment_server: LocalSegment, tmp_path: Path) -> None:
    """Nor is a checkpoint taken for another import's."""
    path = lines(tmp_path / "a", GOOD)
    (tmp_path / "bad").write_text("precious")
    assert "bad exists" in " ".join(run(segment_server, path, "--rejects", tmp_path / "bad", code=2).split())
    run(segment_server, path, "--checkpoint", tmp_path / "c")
    said = run(segment_server, path, "--checkpoint", tmp_path / "c", "--set", "event=E", code=2)
    assert "an import with another --map or --set" in " ".join(said.split())


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--map", "a=b"), "there is no field 'b'"),
        (("--map", "a=properties.b:float"), "there is no type 'float'"),
        (("--set", "a"), "must be NAME="),
        (("--format", "csv"), "--map 'colour'=properties.colour"),
    ],
)
def test_what_means_nothing_is_said_before_anything_is_sent(tmp_path: Path, flags: tuple[str, ...], text: str) -> None:
    """A mistyped flag costs no import."""
    path = lines(tmp_path / "a", b"userId,colour", b"u,red")
    assert text in " ".join(run(None, path, "--dry-run", *flags, code=2).split())


def importing(server: LocalSegment, path: Path, *flags: object) -> Process:
    """The command in a process of its own."""
    words = ["import", path, "--write-key", "k", "--host", server.url, *flags]
    command = [sys.executable, "-m", "segment_gevent", *map(str, words)]
    return Process(command, {"NO_PROXY": "*"})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_a_stopped_import_goes_on(
    segment_server: LocalSegment, tmp_path: Path, count: int, number: signal.Signals
) -> None:
    """Every line is there once: what a killed import sent without writing it down, the server has twice by one id."""
    path = lines(tmp_path / "a.ndjson", b"{", *numbered(count), b"[]")
    flags = ("--checkpoint", tmp_path / "checkpoint", "--rejects", tmp_path / "bad")
    with importing(segment_server, path, *flags, "--rate", count // 4) as process:
        segment_server.wait_for(count // 2, timeout=600)
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


def test_an_import_that_waits_for_input_can_be_stopped(segment_server: LocalSegment, tmp_path: Path) -> None:
    """What came is sent, though no more may come for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = f"{sys.executable} -m segment_gevent import - --write-key k --host {segment_server.url}"
    with Process(["sh", "-c", f"exec {program} < {pipe}"], {"NO_PROXY": "*"}) as process, pipe.open("wb") as writer:
        writer.write(GOOD + b"\n")
        writer.flush()
        segment_server.wait_for(1)
        process.signal(signal.SIGTERM)
        ended = process.ended()
    assert ended.code == 2, ended
    assert "not finished: stopped" in ended.output
