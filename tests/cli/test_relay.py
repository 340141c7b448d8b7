"""`segment-gevent relay` and its siblings, as commands: what they print, and their exit codes."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import sys
import time
import urllib.request
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result
from servers.local_segment import LocalSegment
from servers.oauth_server import CLIENT_ID, KEY_ID, TokenServer, pem, private_key
from servers.ports import free_port
from servers.program import ROOT
from servers.redis_server import RedisServer
from servers.relays import relay_process
from servers.segment_calls import message

from segment_gevent.cli.app import commands
from segment_gevent.delivery.outbox.entry import fields
from segment_gevent.relay.settings import Settings

STREAM, DEAD = "segment:outbox", "{segment:outbox}:dead"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(commands, ["relay", *arguments], env={"SEGMENT_OUTBOX": None, **environment})


def entry(host: str) -> dict[str, str | bytes]:
    body = orjson.dumps(message(1))
    return fields(write_key="secret", host=host, body=body, encoding="identity", count=1, now=0.0)


def test_status_says_how_much_waits(redis_server: RedisServer) -> None:
    """With exit code 1 where entries wait and there is no relay: for a cron job that mails."""
    empty = run("status", "--outbox", redis_server.url)
    assert (empty.exit_code, empty.output.splitlines()[0]) == (0, "waiting   0 entries")
    with redis_server.client() as client:
        for _ in range(3):
            client.xadd(STREAM, entry("https://h"))
        client.xgroup_create(STREAM, "relays", id="0")
        alone = run("status", SEGMENT_OUTBOX=redis_server.url)
        assert alone.exit_code == 1
        assert re.match(r"waiting +3 entries, the oldest \d+ s old; there is no relay to send them\n", alone.output)
        client.xreadgroup("relays", "one", {STREAM: ">"}, count=1)
    seen = run("--outbox", redis_server.url, "status", "--json")
    told = json.loads(seen.output)
    assert seen.exit_code == 0
    assert (told["length"], told["lag"], told["pending"]) == (3, 2, 1)
    assert [(each["name"], each["pending"]) for each in told["consumers"]] == [("one", 1)]
    lines = run("status", "--outbox", redis_server.url).output
    assert re.search(r"waiting +2 entries, the oldest \d+ s old\npending +1 entry with 1 relay\n", lines)
    assert re.search(r"\bone +1 +\d+ s", lines)


def test_dead_letters_are_listed_and_requeued(redis_server: RedisServer) -> None:
    """All, or those that are named; the list shows no key, and no message."""
    with redis_server.client() as client:
        ids = [
            client.xadd(DEAD, {**entry("https://h"), "reason": f"reason {number}", "from": "1-1"}).decode()
            for number in range(3)
        ]
        listed = run("dead", "--outbox", redis_server.url, "--limit", "2")
        assert listed.output.splitlines()[0].split("  ")[::2] == [ids[0], "1 message", "reason 0"]
        assert listed.output.splitlines()[2] == "… and more; --limit shows more than 2"
        assert "secret" not in listed.output
        assert "messageId" not in listed.output
        one = run("requeue", "--outbox", redis_server.url, "--id", ids[1])
        assert (one.exit_code, one.output) == (0, "requeued 1 dead letter with 1 message\n")
        assert run("requeue", "--outbox", redis_server.url, "--id", ids[1]).exit_code == 1
        assert run("requeue", "--outbox", redis_server.url).output == "requeued 2 dead letters with 2 messages\n"
        assert (client.xlen(DEAD), client.xlen(STREAM)) == (0, 3)
        ((_, found), *_) = client.xrange(STREAM)
    assert set(found) == {name.encode() for name in entry("h")}


def test_what_strangers_wrote_is_harmless_on_a_terminal(redis_server: RedisServer) -> None:
    """A host and a reason in one line, with what a terminal would obey spelt out."""
    with redis_server.client() as client:
        client.xadd(DEAD, {**entry("https://h\x1b[2J"), "reason": "400\nfalse line\x1b]0;title\x07"})
    lines = run("dead", "--outbox", redis_server.url).output.splitlines()
    assert [line.split("  ")[3:] for line in lines] == [["https://h\\x1b[2J", "400\\nfalse line\\x1b]0;title\\x07"]]


@pytest.mark.parametrize("command", ["status", "dead", "requeue"])
def test_a_redis_that_is_away_is_told_in_a_line(command: str) -> None:
    """Without the password."""
    done = run(command, "--outbox", f"redis://me:secret@127.0.0.1:{free_port()}")
    assert done.exit_code == 1
    assert done.output.startswith("Error: redis://127.0.0.1:")
    assert (done.output.count("\n"), "secret" in done.output) == (1, False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing option '--outbox'"),
        (("status",), "Missing option '--outbox'"),
        (("--outbox", "http://cache"), "outbox must be a Redis URL"),
        (("--outbox", "redis://cache", "--host", "h"), "host must be an http:// or https:// address"),
        (("--outbox", "redis://cache", "--listen", "9464"), "--listen must be HOST:PORT"),
        (("--outbox", "redis://cache", "--listen", "127.0.0.1:²"), "--listen must be HOST:PORT"),
        (("--outbox", "redis://cache", "--listen", "127.0.0.1:99999"), "--listen: "),
        (("--outbox", "redis://cache", "--rate", "0"), "Invalid value for '--rate'"),
    ],
)
def test_a_wrong_flag_is_told(arguments: tuple[str, ...], words: str) -> None:
    """With exit code 2, before anything is connected."""
    done = run(*arguments)
    assert (done.exit_code, words in done.output) == (2, True), done.output


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `redis`."""
    monkeypatch.setitem(sys.modules, "redis", None)
    done = run("status", "--outbox", "redis://cache")
    assert (done.exit_code, "pip install 'segment-gevent[redis]'" in done.output) == (2, True)


def test_a_relay_runs_until_sigterm(redis_server: RedisServer, segment_server: LocalSegment) -> None:
    """It finishes what it has, serves its pages meanwhile, and leaves the group; the environment's host is not its."""
    with relay_process(redis_server.url, "--listen", "127.0.0.1:0", "--linger", "0") as relay:
        url = relay.line(r"pages at (http://\S+)")[1]
        with redis_server.client() as client:
            client.xadd(STREAM, entry(segment_server.url))
        segment_server.wait_for(1)
        with urllib.request.urlopen(f"{url}/readyz") as answer:
            assert answer.read() == b"ready\n"
        relay.signal(signal.SIGTERM)
        relay.ended().check()
    assert json.loads(run("status", "--json", "--outbox", redis_server.url).output)["consumers"] == []


def test_a_relay_waits_for_a_redis_that_is_away(tmp_path: Path, segment_server: LocalSegment) -> None:
    """From the start, with one line in the log, and ends at SIGTERM all the same."""
    redis = RedisServer(tmp_path / "redis")
    with relay_process(redis.url, "--stop-within", "1", ready=False) as relay:
        relay.line("the outbox fails, and is tried again")
        with redis:
            relay.line("works again")
            with redis.client() as client:
                client.xadd(STREAM, entry(segment_server.url))
            segment_server.wait_for(1)
            redis.kill()
        relay.signal(signal.SIGTERM)
        assert relay.ended().code == 0


def test_a_relay_sends_with_a_token(redis_server: RedisServer, segment_server: LocalSegment, tmp_path: Path) -> None:
    """OAuth is the relay's, by the same flags as elsewhere: a token of its own, which goes to its own host alone."""
    key = private_key()
    (tmp_path / "key.pem").write_text(pem(key))
    with TokenServer(key, clock=time.time) as tokens:
        flags = {
            "--oauth-client-id": CLIENT_ID,
            "--oauth-client-key": str(tmp_path / "key.pem"),
            "--oauth-key-id": KEY_ID,
            "--oauth-auth-server": tokens.url,
        }
        arguments = [part for pair in flags.items() for part in pair]
        anywhere = run("--outbox", redis_server.url, *arguments)
        assert (anywhere.exit_code, "host is missing: with OAuth" in anywhere.output) == (2, True)
        with relay_process(redis_server.url, *arguments, "--host", segment_server.url):
            with redis_server.client() as client:
                client.xadd(STREAM, entry("https://elsewhere.invalid"))
            segment_server.wait_for(1)
    (request,) = segment_server.requests()
    assert request["headers"]["Authorization"].startswith("Bearer ")


def test_the_page_says_what_the_defaults_are() -> None:
    """The table of flags in docs/fleet.md, number by number."""
    page = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `--([\w-]+)` \| ([\d.,]+(?: MiB)?)", page, re.MULTILINE))
    defaults = {field.name.replace("_", "-"): field.default for field in dataclasses.fields(Settings)}
    assert told.keys() == defaults.keys() - {"outbox", "options", "host"} | {"listen"}
    for flag, text in told.items():
        if flag != "listen":
            number, _, unit = text.rstrip(",").replace(",", "").partition(" ")
            assert float(number) * (1 << 20 if unit else 1) == defaults[flag], flag
