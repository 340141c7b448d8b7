"""`segment-gevent import`: what arrives, what is rejected, what a stopped import goes on with, and its exit codes."""

from __future__ import annotations

import gzip
import os
import pty
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from servers.import_command import GOOD, lines, numbered, rejected, run
from servers.local_segment import LocalSegment
from servers.program import Process


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


def test_without_a_checkpoint_ids_are_the_same_again(segment_server: LocalSegment, tmp_path: Path) -> None:
    """By the line and its number, so that the server drops what it has; two equal lines are two events."""
    path = lines(tmp_path / "a", GOOD, GOOD)
    run(segment_server, path)
    run(segment_server, path)
    counts = segment_server.summary()
    assert (counts["total"], counts["duplicates"]) == (4, 2)


def test_equal_lines_of_two_files_are_two_events(segment_server: LocalSegment, tmp_path: Path) -> None:
    """As parts of an export in folders of their own may have them; and equal cells under another header."""
    paths = []
    for folder, header in (("one", b"userId,event"), ("two", b"userId,event"), ("three", b"anonymousId,event")):
        (tmp_path / folder).mkdir()
        paths.append(lines(tmp_path / folder / "part.csv", header, b"u,E"))
    run(segment_server, *paths)
    paths[0].write_bytes(paths[2].read_bytes())
    run(segment_server, paths[0])
    counts = segment_server.summary()
    assert (counts["total"], counts["duplicates"]) == (4, 0)


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--map", "a=b"), "there is no field 'b'"),
        (("--map", "a=properties.b:float"), "there is no type 'float': text, number, boolean, json"),
        (("--map", "a=userId.b"), "user_id holds no 'b'"),
        (("--set", "a"), "--set 'a' must be NAME="),
        (("--set", "type=trakc"), "type must be one of identify, track"),
        (("--set", "properties.total:number=much"), "properties.total must be number"),
        (("--set", "properties.total:number=1e999"), "properties.total must be number"),
        (("--format", "csv"), "--map 'colour'=properties.colour"),
        (("--format", "csv", "--delimiter", ";;"), "must be one character"),
        (("--format", "csv", "--delimiter", '"'), "must be one character, and no quote"),
        (("--delimiter", ";"), "--delimiter is for CSV"),
        (("--rate", "0"), "--rate"),
    ],
)
def test_what_means_nothing_is_said_before_anything_is_sent(tmp_path: Path, flags: tuple[str, ...], text: str) -> None:
    """A mistyped flag costs no import."""
    path = lines(tmp_path / "a", b"userId,colour", b"u,red")
    assert text in " ".join(run(None, path, "--dry-run", *flags, code=2).split())


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"userId,colour\n", "column 'colour' is no field"),
        (b"userId,event,userId\n", "two columns are named 'userId'"),
        (b'"userId"x\n', "the header can't be read"),
        (b"PK\x03\x04", "b.csv is a zip archive"),
    ],
)
def test_every_header_is_read_before_anything_is_sent(
    segment_server: LocalSegment, tmp_path: Path, content: bytes, text: str
) -> None:
    """Not only the first file's."""
    (tmp_path / "b.csv").write_bytes(content)
    said = run(segment_server, lines(tmp_path / "a", GOOD), tmp_path / "b.csv", code=2)
    assert text in " ".join(said.split())
    assert segment_server.requests() == []


def test_a_tab_may_be_written_as_people_write_it(segment_server: LocalSegment, tmp_path: Path) -> None:
    """Few shells make it easy to type one; and a file that is named twice is read once."""
    path = lines(tmp_path / "a.CSV", b"userId\tevent", b"u\tE")
    run(segment_server, path, tmp_path / "." / "a.CSV", "--delimiter", "\\t")
    assert only(segment_server)["event"] == "E"


def test_names_need_not_be_utf8(segment_server: LocalSegment, tmp_path: Path) -> None:
    """Of a file, its checkpoint, its rejects and a column: old files have others, and no traceback comes of it."""
    path = tmp_path / os.fsdecode(b"B\xfccher.csv")
    path.write_bytes(b"userId,event,Gr\xf6\xdfe\n1,Order Completed,7\n2,,8\n")
    size, checkpoint = os.fsdecode(b"Gr\xf6\xdfe"), tmp_path / os.fsdecode(b"\xfc.checkpoint")
    flags = ("--map", f"{size}=properties.size", "--rejects", tmp_path / os.fsdecode(b"\xfc.rejects"))
    for _ in range(2):
        said = run(segment_server, path, "--checkpoint", checkpoint, *flags, code=1)
        assert "delivered 1, rejected 1" in said
    (event,) = segment_server.events()
    assert event["message"]["properties"] == {"size": "7"}


def test_what_can_not_be_read_to_its_end_is_not_finished(segment_server: LocalSegment, tmp_path: Path) -> None:
    """What was read is delivered; the exit code is 2, since nobody knows what is missing."""
    whole = gzip.compress(b"\n".join(numbered(10)))
    (tmp_path / "a.gz").write_bytes(whole[:-4])
    said = run(segment_server, tmp_path / "a.gz", code=2)
    assert "not finished: " in said
    assert "a.gz: Compressed file ended before the end" in said
    assert segment_server.summary()["total"] >= 9


def test_a_rate_is_kept(segment_server: LocalSegment, tmp_path: Path) -> None:
    """By when the first and the last of them arrived; a dry run, which sends nothing, does not wait for it."""
    path = lines(tmp_path / "a", *numbered(30))
    run(segment_server, path, "--rate", 30)
    arrived = [event["receivedAt"] for event in segment_server.events()]
    first, last = (datetime.fromisoformat(moment.replace("Z", "+00:00")) for moment in (min(arrived), max(arrived)))
    assert (last - first).total_seconds() > 0.5
    assert "valid 30" in run(None, path, "--dry-run", "--rate", 0.001)


def test_a_terminal_sees_how_far_it_is(segment_server: LocalSegment, tmp_path: Path) -> None:
    """A bar on stderr, which leaves stdout to the summary."""
    ours, theirs = pty.openpty()
    path = lines(tmp_path / "a", *numbered(2_000))
    command = [sys.executable, "-m", "segment_gevent", "import", path, "--write-key", "k", "--host", segment_server.url]
    environment = {**os.environ, "NO_PROXY": "*", "TERM": "xterm", "COLUMNS": "80"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.set_blocking(ours, False)
    shown = os.read(ours, 65_536).decode()
    for end in (ours, theirs):
        os.close(end)
    assert done.stdout.startswith("delivered 2,000, rejected 0\n")
    assert "importing" in shown
    assert "/s)" in shown


@pytest.mark.parametrize(
    ("shell", "text"),
    [
        ("import - --dry-run <&-", "-: it is closed"),
        ("import . --dry-run", ". is a directory"),
        ("import nowhere --dry-run", "nowhere: No such file"),
        ("import", "Missing argument 'FILE...'"),
    ],
)
def test_a_file_that_is_none_is_said_in_a_line(shell: str, text: str) -> None:
    """Without a traceback."""
    with Process(["sh", "-c", f"{sys.executable} -m segment_gevent {shell}"]) as process:
        ended = process.ended()
    assert (ended.code, "Traceback" in ended.errors) == (2, False)
    assert text in " ".join(ended.errors.split())


def test_a_reader_that_had_enough_ends_a_dry_run(tmp_path: Path) -> None:
    """As `| head` does; nothing is said of it."""
    path = lines(tmp_path / "a", *[b"{"] * 20_000)
    shell = f"{sys.executable} -m segment_gevent import {path} --dry-run | head -1"
    with Process(["sh", "-c", shell]) as process:
        ended = process.ended()
    assert ended.output == f"{path}:1: not JSON: unexpected end of data: line 1 column 2 (char 1)\n"
    assert ended.errors.strip() == ""


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
