"""`segment-gevent spool replay`: what it sends, what it leaves on disk, and what it says of both."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from servers.local_segment import LocalSegment
from servers.oauth_server import CLIENT_ID, KEY_ID, TokenServer, pem, private_key
from servers.spool_command import leave, spool

from segment_gevent import Client
from segment_gevent.delivery.spool import inventory
from segment_gevent.delivery.spool.store import Store, scope_of
from segment_gevent.events import message
from segment_gevent.testing import Hold, ScriptedTransport

HOUR = 3_600


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path / "spool")


def replay(directory: str, *arguments: str, code: int = 0, **environment: str) -> str:
    variables = {"SEGMENT_WRITE_KEY": "write-key", "NO_PROXY": "*", **environment}
    return spool("replay", "--spool-dir", directory, *arguments, code=code, **variables)


def test_it_sends_what_was_left(directory: str, segment_server: LocalSegment) -> None:
    """For its own key and host, by the environment; what is for others stays, and is said."""
    leave(directory, "1", "2", host=segment_server.url)
    leave(directory, "other")
    said = replay(directory, SEGMENT_HOST=segment_server.url)
    assert said.splitlines() == ["delivered 2", "1 message is for another key or host"]
    assert [each["event"] for each in segment_server.messages()] == ["1", "2"]
    assert "1 message in 1 file" in spool("status", "--spool-dir", directory)


@pytest.mark.parametrize("wrong", [("--write-key", "another"), ("--region", "eu")])
def test_a_wrong_key_or_host_is_said(directory: str, wrong: tuple[str, str]) -> None:
    """Where nothing at all is for them, that is most likely a mistake: exit code 1."""
    leave(directory, "1", "2")
    said = replay(directory, *wrong, code=1)
    assert said.splitlines() == ["delivered 0", "2 messages are for another key or host"]


def test_what_living_processes_have_is_left_to_them(directory: str, make_client: Callable[..., Client]) -> None:
    """At once: nobody waits for them."""
    hold = Hold()
    client = make_client(transport=ScriptedTransport(hold), spool_dir=directory, durable="sync")
    client.track("s", event="1")
    assert replay(directory, "--within", str(HOUR)).splitlines() == ["delivered 0"]
    hold.release()
    assert client.shutdown() is True


def test_it_says_what_it_could_not_send(directory: str, segment_server: LocalSegment) -> None:
    """And why; the messages stay, and the exit code is 1."""
    leave(directory, "1", host=segment_server.url)
    segment_server.faults([{"status": 503}] * 100)
    said = replay(directory, "--host", segment_server.url, "--within", "0.5", code=1)
    assert said.splitlines() == ["delivered 0", "left 1: the server answered 503 Service Unavailable"]
    assert "1 message in 1 file" in spool("status", "--spool-dir", directory)


@pytest.mark.parametrize("status", [401, 404])
def test_a_key_or_host_that_is_refused_ends_it(directory: str, segment_server: LocalSegment, status: int) -> None:
    """No later try could end better; nothing is lost by it."""
    leave(directory, "1", "2", host=segment_server.url)
    segment_server.faults([{"status": status}] * 100)
    said = replay(directory, "--host", segment_server.url, "--within", str(HOUR), code=1)
    assert f"left 2: the server answered {status}" in said
    segment_server.reset()
    assert "delivered 2" in replay(directory, "--host", segment_server.url)


def test_refused_messages_are_counted_apart(directory: str, segment_server: LocalSegment) -> None:
    """With the server's words; they are gone then, as they would be in a worker."""
    leave(directory, "1", "2", host=segment_server.url)
    leave(directory, "3", host=segment_server.url)
    segment_server.faults([{"status": 422}])
    said = replay(directory, "--host", segment_server.url, code=1)
    assert said.splitlines()[0] in {"delivered 0", "delivered 1"}  # one batch, or one a file
    assert "refused" in said
    assert "the server answered 422" in said
    assert "The spool is empty" in spool("status", "--spool-dir", directory)


def test_no_age_is_too_old_for_it(directory: str, segment_server: LocalSegment) -> None:
    """Bounds are the application's business: who replays wants everything sent."""
    then = time.time() - 8 * 24 * HOUR
    body = message.seal(message.track("s", None, "old", None), None, None, None, None, new_id="id", now=then)
    store = Store(directory, scope_of("write-key", segment_server.url), now=lambda: then)
    store.add([(0, body)], owned=True)
    store.close()
    (file,) = inventory.status(directory)
    assert "delivered 1" in replay(directory, "--host", segment_server.url)
    assert not file.path.exists()


def test_a_damaged_file_is_saved_and_sent(directory: str, segment_server: LocalSegment) -> None:
    """Though `status` can't say how many messages it has."""
    events = [f"{number:0200}" for number in range(200)]
    leave(directory, *events, host=segment_server.url)
    (file,) = inventory.status(directory)
    content = bytearray(file.path.read_bytes())
    content[-4096:] = b"x" * 4096
    file.path.write_bytes(content)
    said = replay(directory, "--host", segment_server.url)
    arrived = {each["event"] for each in segment_server.messages()}
    assert f"delivered {len(arrived)}" in said
    assert 0 < len(arrived) <= len(events)


def test_oauth_goes_by_its_flags(directory: str, segment_server: LocalSegment, tmp_path: Path) -> None:
    """As in the application that left the messages."""
    key = private_key()
    (tmp_path / "key.pem").write_text(pem(key))
    leave(directory, "1", host=segment_server.url)
    with TokenServer(key, clock=time.time) as server:
        flags = {
            "--host": segment_server.url,
            "--oauth-client-id": CLIENT_ID,
            "--oauth-client-key": str(tmp_path / "key.pem"),
            "--oauth-key-id": KEY_ID,
            "--oauth-auth-server": server.url,
        }
        assert "delivered 1" in replay(directory, *(word for pair in flags.items() for word in pair))
        assert server.tokens == 1


def test_a_wrong_token_server_ends_it(directory: str, segment_server: LocalSegment, tmp_path: Path) -> None:
    """The messages stay on disk."""
    (tmp_path / "key.pem").write_text(pem(private_key()))
    leave(directory, "1", host=segment_server.url)
    flags = {
        "--host": segment_server.url,
        "--oauth-client-id": CLIENT_ID,
        "--oauth-client-key": str(tmp_path / "key.pem"),
        "--oauth-key-id": KEY_ID,
        "--oauth-auth-server": f"{segment_server.url}/nowhere",
        "--within": str(HOUR),
    }
    said = replay(directory, *(word for pair in flags.items() for word in pair), code=1)
    assert "left 1: no token" in said
    assert "answered 404" in said


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ((), "--write-key is missing: pass the write key, or set SEGMENT_WRITE_KEY"),
        (("--write-key", "k", "--host", "nowhere"), "host must be an http:// or https:// address"),
        (("--write-key", "k", "--oauth-client-id", "id"), "--oauth-client-key is missing"),
        (("--write-key", "k", "--timeout", "soon"), "'--timeout': must be seconds"),
        (("--write-key", "k", "--proxy", "http://proxy"), "'--proxy': must be scheme=URL"),
    ],
)
def test_a_wrong_option_is_a_usage_error(tmp_path: Path, flags: tuple[str, ...], text: str) -> None:
    """In the words of the option's own check; the spool holds no key."""
    said = spool("replay", "--spool-dir", str(tmp_path), *flags, code=2)
    assert text in " ".join(said.split())
