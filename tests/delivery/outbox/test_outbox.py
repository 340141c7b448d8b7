"""The outbox as a client's way out, over a real Redis: what is added, what becomes of a batch where Redis fails."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import pytest
import trustme
from servers.local_segment import server_certificate
from servers.ports import free_port
from servers.redis_server import RedisServer
from servers.spools import on_disk, track, until

from segment_gevent import Client, ConfigError, DeliveryError
from segment_gevent.delivery.outbox.entry import read
from segment_gevent.delivery.transport import GeventTransport

STREAM = "segment:outbox"
Make = Callable[..., Client]


@pytest.fixture
def make(make_client: Make, redis_server: RedisServer) -> Make:
    def made(**options: Any) -> Client:
        return make_client(**{"host": "https://segment.test", "outbox": redis_server.url, "flush_at": 100, **options})

    return made


def entries(redis_server: RedisServer, stream: str = STREAM) -> list[Any]:
    with redis_server.client() as client:
        return [read(fields) for _, fields in client.xrange(stream)]


def failures(client: Client) -> list[DeliveryError]:
    told: list[DeliveryError] = []
    client.on_failure(lambda _data, error: told.append(error))
    return told


@pytest.mark.parametrize("gzip", [False, True])
def test_a_batch_becomes_an_entry(make: Make, redis_server: RedisServer, gzip: bool) -> None:
    """With key, host and messages, compressed where the client compresses; and it counts as delivered."""
    client = make(gzip=gzip)
    told: list[Any] = []
    client.on_success(lambda data, response: told.append((data, response)))
    track(client, *(f"event {number}" for number in range(50)))
    assert client.flush(10)
    (entry,) = entries(redis_server)
    assert (entry.write_key, entry.host, len(entry.messages)) == ("write-key", "https://segment.test", 50)
    assert (client.stats.delivered, client.stats.last_status) == (50, 202)
    ((data, response),) = told
    assert (len(data["batch"]), response.status_code, response.ok, response.waiting) == (50, 202, True, 1)
    with redis_server.client() as there:
        ((entry_id, fields),) = there.xrange(STREAM)
    assert response.json()["entry_id"] == entry_id.decode()
    assert (fields[b"e"], len(fields[b"b"]) < 3_000) == ((b"gzip", True) if gzip else (b"identity", False))


def test_the_environment_names_the_outbox(make_client: Make, redis_server: RedisServer, monkeypatch: Any) -> None:
    """`SEGMENT_OUTBOX` serves where the option is left out; `outbox=""` and a transport go over it."""
    monkeypatch.setenv("SEGMENT_OUTBOX", f"{redis_server.url}?stream=mine")
    client = make_client()
    track(client, "event")
    assert client.flush(10)
    assert len(entries(redis_server, "mine")) == 1
    assert make_client().options.uses_outbox
    assert not make_client(outbox="").options.uses_outbox


def test_a_redis_that_is_away_at_the_start_costs_nothing(make_client: Make, tmp_path: Path) -> None:
    """Messages wait in the client, and are added when it is there."""
    redis_server = RedisServer(tmp_path / "redis")
    client = make_client(outbox=redis_server.url)
    track(client, "early")
    until(lambda: client.stats.retries)
    assert client.stats.pending == 1
    with redis_server:
        assert client.flush(20)
        assert len(entries(redis_server)) == 1
    assert (client.stats.delivered, client.stats.pending) == (1, 0)


def test_a_redis_that_is_killed_costs_nothing(make_client: Make, tmp_path: Path) -> None:
    """What it had accepted is there when it comes back, and what came meanwhile is added then."""
    with RedisServer(tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always") as redis_server:
        client = make_client(outbox=redis_server.url, flush_at=1)
        track(client, "before")
        assert client.flush(10)
        redis_server.kill()
        track(client, "meanwhile")
        until(lambda: client.stats.retries)
        redis_server.start()
        assert client.flush(20)
        assert len(entries(redis_server)) == 2


def test_the_spool_takes_over_where_redis_stays_away(make_client: Make, tmp_path: Path) -> None:
    """After the retries the batch is on disk, and the fate is `spooled`; it is added when Redis is there."""
    redis_server = RedisServer(tmp_path / "redis")
    client = make_client(outbox=redis_server.url, spool_dir=tmp_path / "spool", max_retries=0)
    track(client, "kept")
    assert not client.flush(10)
    assert (client.stats.spooled, on_disk(tmp_path / "spool")) == (1, ["kept"])
    with redis_server:

        def is_replayed() -> bool:
            client.look()
            return client.stats.replayed == 1

        until(is_replayed)
        assert len(entries(redis_server)) == 1
    assert (client.stats.delivered, client.stats.spooled) == (1, 0)


def test_a_redis_that_hangs_stalls_nobody(
    make: Make, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The attempt ends within `send_timeout`, other greenlets run meanwhile, and its answer is nobody else's."""
    client = make(send_timeout=2, flush_at=1)
    answers: list[Any] = []
    client.on_success(lambda _data, response: answers.append(response))
    track(client, "first")
    assert client.flush(20)
    redis_server.signal(signal.SIGSTOP)
    turns = 0
    try:
        with caplog.at_level(logging.WARNING):
            track(client, "hangs")
            while not client.stats.retries:
                gevent.sleep(0.001)
                turns += 1
    finally:
        redis_server.signal(signal.SIGCONT)
    assert turns > 20
    assert "no answer within 2.0 s" in caplog.text
    for number in range(5):
        track(client, f"after {number}")
        assert client.flush(20)
    assert len({answer.entry_id for answer in answers}) == len(answers) == 7


def test_a_wrong_password_is_tried_again_and_spooled(make: Make, redis_server: RedisServer, tmp_path: Path) -> None:
    """It is no verdict on the messages: most likely it is being changed. Nothing shows it."""
    client = make(outbox=f"redis://me:secret@{redis_server.address}", spool_dir=tmp_path / "spool", max_retries=1)
    track(client, "kept")
    assert not client.flush(10)
    assert (client.stats.retries, client.stats.spooled, client.stats.failed) == (1, 1, 0)
    assert "secret" not in repr(client.options)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://host:wrong@{address}", "the user or the password is wrong"),
        ("redis://reader:pw@{address}", "the user may not do this"),
    ],
)
def test_who_may_not_add_is_told_why(
    make: Make, redis_server: RedisServer, caplog: pytest.LogCaptureFixture, url: str, words: str
) -> None:
    """In the log and to `on_failure`, by a reason of its own, without key, user or password."""
    with redis_server.client() as there:
        there.execute_command("ACL", "SETUSER", "host", "on", ">pw", "~segment:outbox", "-@all", "+xadd", "+xlen")
        there.execute_command("ACL", "SETUSER", "reader", "on", ">pw", "~*", "-@all", "+xlen")
    client = make(outbox=url.format(address=redis_server.address), max_retries=0)
    told = failures(client)
    with caplog.at_level(logging.WARNING):
        track(client, "event")
        assert not client.flush(10)
    assert (told[0].reason, told[0].status) == ("outbox", None)
    assert str(told[0]) == f"redis://{redis_server.address}/0: Redis says that {words}" + ", or missing" * (
        "wrong" in words
    )
    assert not [secret for secret in ("wrong@", "pw", "write-key", "reader") if secret in caplog.text]


def test_a_user_needs_two_rights(make: Make, redis_server: RedisServer) -> None:
    """XADD, and XLEN, without which the stream's bound is not seen."""
    with redis_server.client() as there:
        there.execute_command("ACL", "SETUSER", "host", "on", ">pw", "~segment:outbox", "-@all", "+xadd", "+xlen")
        there.execute_command("ACL", "SETUSER", "less", "on", ">pw", "~segment:outbox", "-@all", "+xadd")
    for user in ("host", "less"):
        client = make(outbox=f"redis://{user}:pw@{redis_server.address}", max_retries=0)
        track(client, "event")
        assert client.flush(10)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"), "its memory is full"),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "it is a replica, and read-only"),
        (
            ("CONFIG", "SET", "min-replicas-to-write", "1"),
            ("CONFIG", "SET", "min-replicas-to-write", "0"),
            "Redis refused: NOREPLICAS",
        ),
    ],
    ids=["memory", "replica", "too few replicas"],
)
def test_what_redis_refuses_is_added_when_it_does_not(
    make: Make, redis_server: RedisServer, caplog: pytest.LogCaptureFixture, before: Any, after: Any, words: str
) -> None:
    """Its memory is full, it is read-only: the client keeps what it has, and tries again."""
    client = make()
    with redis_server.client() as there:
        there.execute_command(*before)
        try:
            with caplog.at_level(logging.WARNING):
                track(client, "event")
                until(lambda: client.stats.retries)
        finally:
            there.execute_command(*after)
    assert words in caplog.text
    assert client.flush(20)
    assert len(entries(redis_server)) == 1


def test_a_full_stream_pushes_back(make: Make, redis_server: RedisServer) -> None:
    """Past `max_entries` nothing is added and nothing is lost: the client keeps what it has until there is room."""
    client = make(outbox=f"{redis_server.url}?max_entries=2", flush_at=1)
    for number in range(2):
        track(client, f"event {number}")
        assert client.flush(10)
    track(client, "one too many")
    until(lambda: client.stats.retries)
    assert (len(entries(redis_server)), client.stats.pending) == (2, 1)
    with redis_server.client() as there:
        there.xtrim(STREAM, maxlen=1, approximate=False)
    assert client.flush(20)
    assert len(entries(redis_server)) == 2


def test_a_bound_holds_for_processes_that_send_once(make: Make, redis_server: RedisServer) -> None:
    """The first send of each asks how much waits."""
    first, second = (make(outbox=f"{redis_server.url}?max_entries=1", flush_at=1, max_retries=0) for _ in range(2))
    track(first, "event")
    assert first.flush(10)
    track(second, "one too many")
    assert not second.flush(10)
    assert len(entries(redis_server)) == 1


def test_a_batch_that_too_few_replicas_have_is_not_delivered(make: Make, redis_server: RedisServer) -> None:
    """With `replicas` in the URL: it is in the stream, and is added again, with the ids that it had."""
    client = make(outbox=f"{redis_server.url}?replicas=1", max_retries=0)
    told = failures(client)
    track(client, "event")
    assert not client.flush(10)
    assert str(told[0]).endswith("0 of 1 replicas have the batch")
    assert len(entries(redis_server)) == 1


def test_tls_is_verified(make_client: Make, tmp_path: Path) -> None:
    """`rediss://`: a server whose authority is not trusted is refused; by the option or the URL it is trusted."""
    authority = trustme.CA()
    bundle, certificate = tmp_path / "ca.pem", server_certificate(authority, tmp_path)
    authority.cert_pem.write_to_path(bundle)
    files = ("--tls-cert-file", "--tls-key-file")
    arguments = [part for name in files for part in (name, str(certificate))]
    arguments += ["--tls-ca-cert-file", str(bundle), "--tls-auth-clients", "no"]
    with RedisServer(
        tmp_path / "redis", *arguments, scheme="rediss", ports="--port 0 --tls-port {port}"
    ) as redis_server:
        refused = make_client(outbox=redis_server.url, max_retries=0)
        told = failures(refused)
        track(refused, "event")
        assert not refused.flush(10)
        assert told[0].reason == "tls"
        for options in (
            {"outbox": redis_server.url, "verify": bundle},
            {"outbox": f"{redis_server.url}?cafile={bundle}"},
        ):
            client = make_client(**options, max_retries=0)
            track(client, "event")
            assert client.flush(10)


def test_a_unix_socket_serves(make_client: Make, tmp_path: Path) -> None:
    """Without a port at all."""
    path = tmp_path / "redis.sock"
    with RedisServer(tmp_path / "redis", "--unixsocket", str(path)):
        client = make_client(outbox=f"unix://{path}", max_retries=0)
        track(client, "event")
        assert client.flush(10)


@pytest.mark.parametrize(
    ("url", "reason"),
    [("redis://127.0.0.1:{port}", "connection"), ("redis://nowhere.invalid", "dns"), ("unix:///nowhere", "connection")],
)
def test_who_can_t_be_reached_is_told_by_its_reason(make_client: Make, url: str, reason: str) -> None:
    """Refused, unknown, or no socket."""
    client = make_client(outbox=url.format(port=free_port()), max_retries=0)
    told = failures(client)
    track(client, "event")
    assert not client.flush(10)
    assert told[0].reason == reason


def test_the_extra_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the redis library the error says what to install."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigError, match=r"pip install 'segment-gevent\[redis\]'"):
        Client("key", outbox="redis://cache")


def test_tokens_are_the_relays_business() -> None:
    """A client that puts batches into an outbox asks for no token."""
    with pytest.raises(ConfigError, match="oauth_client_id goes to the relay"):
        Client("key", outbox="redis://cache", oauth_client_id="id", oauth_client_key="k", oauth_key_id="kid")


def test_connections_are_closed_with_the_client(make: Make, redis_server: RedisServer) -> None:
    """A shut-down client leaves none at Redis."""
    with redis_server.client() as there:
        before = len(there.client_list())
        client = make()
        track(client, "event")
        assert client.flush(10)
        assert len(there.client_list()) == before + 1
        client.shutdown(5)
        redis_server.wait_until(lambda _: len(there.client_list()) == before)


def test_it_is_a_transport_like_the_other(make: Make) -> None:
    """What a pipeline does with its own transport in a fork, and before the first send, it does with this one."""
    client = make()
    assert isinstance(client._pipeline()._transport, GeventTransport)
    client.warm_up()
    assert "redis" in sys.modules
