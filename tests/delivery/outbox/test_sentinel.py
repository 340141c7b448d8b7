"""Whom the sentinels name, and what a connection does that has met a replica."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from servers.ports import free_port
from servers.redis_server import RedisServer
from servers.spools import track

from segment_gevent import Client
from segment_gevent.delivery.outbox import connections
from segment_gevent.delivery.outbox.sentinel import Master, NoMasterError
from segment_gevent.delivery.outbox.session import sockets_of
from segment_gevent.redis_url import parse


class Sentinel:
    """One that answers what it is told to, and remembers how often it was asked and left."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked = self.left = 0
        self.connection_pool = self

    def __call__(self) -> Any:
        return self

    def sentinel_get_master_addr_by_name(self, service: str) -> Any:
        assert service == "mymaster"
        self.asked += 1
        answer = self.answers[min(self.asked, len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def disconnect(self) -> None:
        self.left += 1


def test_the_first_that_answers_names_the_master() -> None:
    """And is asked first from then on; nobody stays connected."""
    hangs, knows, late = Sentinel(RedisTimeoutError()), Sentinel((b"10.0.0.1", 6379)), Sentinel(("10.0.0.2", 6379))
    master = Master("mymaster", [hangs, knows, late])
    assert [master.address(), master.address()] == [("10.0.0.1", 6379)] * 2
    assert [each.asked for each in (hangs, knows, late)] == [1, 2, 0]
    assert [each.left for each in (hangs, knows, late)] == [1, 2, 0]


def test_in_doubt_another_is_asked_first() -> None:
    """A sentinel that is cut off from the others goes on naming the old master."""
    cut_off, knows = Sentinel(("10.0.0.1", 6379)), Sentinel(("10.0.0.2", 6379))
    master = Master("mymaster", [cut_off, knows])
    assert master.address() == ("10.0.0.1", 6379)
    master.doubt()
    assert master.address() == ("10.0.0.2", 6379)


@pytest.mark.parametrize(
    ("answer", "words"),
    [(None, "the sentinels know no master 'mymaster'"), (OSError(), "no sentinel answers for the master 'mymaster'")],
)
def test_without_a_master_the_error_says_why(answer: Any, words: str) -> None:
    """A name that is misspelt is another trouble than sentinels that are away."""
    with pytest.raises(NoMasterError, match=f"^{words}$"):
        Master("mymaster", [Sentinel(answer), Sentinel(answer)]).address()


def test_the_log_names_the_master_that_nobody_knows(make_client: Callable[..., Client]) -> None:
    """What `on_failure` is told says which name, and not only that there was no connection."""
    client = make_client(outbox=f"redis+sentinel://127.0.0.1:{free_port()}/mymaster/0", max_retries=0)
    told: list[Any] = []
    client.on_failure(lambda _data, error: told.append(error))
    track(client, "event")
    assert not client.flush(10)
    assert told[0].reason == "connection"
    assert "no sentinel answers for the master 'mymaster'" in str(told[0])


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[RedisServer, RedisServer]]:
    """A master and its replica."""
    with (
        RedisServer(tmp_path / "master", "--repl-diskless-sync-delay", "0") as master,
        RedisServer(tmp_path / "replica", "--replicaof", f"127.0.0.1 {master.port}") as replica,
    ):
        yield master, replica


def test_a_connection_that_met_a_replica_is_made_anew(pair: tuple[RedisServer, RedisServer]) -> None:
    """Its answers are read to the end, and the next command goes to whom the sentinels name then."""
    master, replica = pair
    client = client_of(replica, master)
    with client.pipeline(transaction=False) as pipe:
        pipe.set("key", "1")
        pipe.get("key")
        refused, read = pipe.execute(raise_on_error=False)
    assert isinstance(refused, ReadOnlyError)
    assert read is None
    assert client.set("key", "2")
    assert client.get("key") == b"2"
    client.connection_pool.disconnect()


def test_a_connection_to_a_master_that_was_left_is_made_anew(pair: tuple[RedisServer, RedisServer]) -> None:
    """One with `min-replicas-to-write` refuses while its replicas follow another; the sentinels know whom."""
    master, replica = pair
    with master.client() as there, replica.client() as other:
        there.config_set("min-replicas-to-write", 1)
        other.execute_command("REPLICAOF", "NO", "ONE")
    client = client_of(master, replica)
    with pytest.raises(ResponseError, match="NOREPLICAS"):
        client.set("key", "1")
    assert client.set("key", "2")
    client.connection_pool.disconnect()


def client_of(*masters: RedisServer) -> redis.Redis:
    """A client to whom one sentinel after another names these as the master."""
    sentinels = [Sentinel(("127.0.0.1", each.port)) for each in masters]
    sockets = sockets_of(parse("outbox", "redis://127.0.0.1/0"), None)
    return connections._client(
        "", "", (5.0, 5.0), master=Master("mymaster", sentinels), sockets=sockets, host="", port=0
    )
