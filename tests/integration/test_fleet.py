"""From hosts through a Redis and relays to Segment, as processes: every event arrives once, whatever ends meanwhile."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.arrivals import Arrivals, Counted, numbered
from servers.program import program
from servers.redis_server import RedisServer
from servers.relays import relay_process
from servers.web_server import gunicorn


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


def outbox(server: RedisServer) -> dict[str, str]:
    return {"SEGMENT_OUTBOX": server.url}


def relay_all(server: RedisServer) -> None:
    """Have a relay send what is in the stream, and end it."""
    with relay_process(server.url) as relay:
        server.wait_until(lambda client: not client.xlen("segment:outbox"))
        relay.signal(signal.SIGTERM)
        relay.ended().check()


SCRIPT = numbered("script", 1000)
HUBS = numbered("main", 200).union(
    *(numbered(f"thread {thread} greenlet {number}", 100) for thread in range(3) for number in range(4))
)
CHILDREN = numbered("parent", 500).union(*(numbered(f"child {number}", 200) for number in range(2)))


@pytest.mark.parametrize(
    ("order", "name", "how", "expected"),
    [
        ("patched-late", "script", (), SCRIPT),
        ("not-patched", "script", (), SCRIPT),
        ("not-patched", "thread_hubs", (), HUBS),
        ("patched-first", "processes", ("fork",), CHILDREN),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (
                ("patched-first", "script", (), SCRIPT),
                ("patched-first", "thread_hubs", (), HUBS),
                ("not-patched", "processes", ("spawn",), CHILDREN),
                ("not-patched", "ends", ("killall",), numbered("ends", 600)),
                ("not-patched", "fork", (), numbered("parent", 800) | numbered("child", 300)),
            )
        ),
    ],
)
def test_every_event_arrives_once(
    arrivals: Arrivals, redis_server: RedisServer, order: str, name: str, how: tuple[str, ...], expected: Counted
) -> None:
    """Patched early, late or not, with hubs in threads and with children, also what is sent within the exit handler."""
    with program(name, order, *arrivals.arguments, *how, environment=outbox(redis_server)) as process:
        process.ended().check()
    assert arrivals.server.summary()["total"] == 0
    relay_all(redis_server)
    arrivals.expect(expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("order", "how"), [("not-patched", "os_fork_under_load"), ("patched-first", "gevent_fork_under_load")]
)
def test_20_forks_under_load_cost_nothing(arrivals: Arrivals, redis_server: RedisServer, order: str, how: str) -> None:
    """Parent and children each have connections of their own to Redis; nothing is lost, or added twice."""
    with program("forks", order, *arrivals.arguments, how, environment=outbox(redis_server)) as process:
        ended = process.ended().check()
    assert not ended.errors
    counts = [line.split(":") for line in ended.output.split("\n") if line]
    expected = set().union(*(numbered(who, int(count)) for who, count in counts))
    relay_all(redis_server)
    arrivals.expect(expected.union(*(numbered(f"child {number}", 30) for number in range(20))))


def test_gunicorns_workers_deliver_by_way_of_a_relay(arrivals: Arrivals, redis_server: RedisServer) -> None:
    """What was tracked in answered requests is in Redis when the server has ended, and arrives with the next relay."""
    pages = [f"/page/{number}" for number in range(203)]
    with gunicorn({**arrivals.environment, **outbox(redis_server)}) as server:
        assert server.visit(pages) == set(pages)
        server.signal(signal.SIGTERM)
        server.ended().check()
    assert arrivals.server.summary()["total"] == 0
    relay_all(redis_server)
    arrivals.compare(arrivals.pages(), pages)


def test_a_killed_relays_batch_is_sent_by_another(arrivals: Arrivals, redis_server: RedisServer) -> None:
    """Killed with its request under way: what it had is claimed, and arrives with the ids that it had."""
    arrivals.server.faults([{"hold": True}])
    with program("script", "not-patched", *arrivals.arguments, environment=outbox(redis_server)) as process:
        process.ended().check()
    with relay_process(redis_server.url, "--claim-after", "1") as relay:
        arrivals.server.wait_for(held=1)
        relay.signal(signal.SIGKILL)
        assert relay.ended().code == -signal.SIGKILL
    with relay_process(redis_server.url, "--claim-after", "1"):
        redis_server.wait_until(lambda client: not client.xlen("segment:outbox"))
    arrivals.expect(SCRIPT, resent=True)
    assert arrivals.server.summary()["duplicates"] == 1000


@pytest.mark.slow
def test_relays_share_the_work(arrivals: Arrivals, redis_server: RedisServer) -> None:
    """Two of them, with a rate limit in between: every event arrives, and the group is left clean."""
    arrivals.server.faults([{"status": 429, "headers": {"Retry-After": "1"}}])
    arguments = ("--claim-after", "1", "--linger", "0")
    with relay_process(redis_server.url, *arguments) as one, relay_process(redis_server.url, *arguments) as two:
        with program(
            "fleet_host", "not-patched", *arrivals.arguments, "host", environment=outbox(redis_server)
        ) as host:
            host.line(r"(\S+\n){300}")
        accepted = set(host.output.split("\n")[:-1])
        redis_server.wait_until(lambda client: not client.xlen("segment:outbox"))
        for relay in (one, two):
            relay.signal(signal.SIGTERM)
            relay.ended().check()
    assert accepted <= {message["messageId"] for message in arrivals.messages("Counted")}
    with redis_server.client() as client:
        assert client.xinfo_consumers("segment:outbox", "relays") == []
