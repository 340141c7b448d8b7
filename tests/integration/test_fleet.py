"""From hosts through a Redis and relays to Segment, as processes: every event arrives once, whatever ends meanwhile."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.arrivals import Arrivals, numbered
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


@pytest.mark.parametrize(
    ("order", "name", "how"),
    [
        ("patched-first", "script", ""),
        ("patched-late", "script", ""),
        ("not-patched", "script", ""),
        ("patched-first", "thread_hubs", ""),
        ("not-patched", "thread_hubs", ""),
        ("patched-first", "threads", ""),
        ("not-patched", "threads", ""),
        ("not-patched", "subprocesses", ""),
        ("patched-first", "processes", "fork"),
        ("not-patched", "processes", "spawn"),
        ("not-patched", "fork", ""),
        ("patched-first", "fork", ""),
        ("not-patched", "threadpool", ""),
        ("not-patched", "ends", "exit_in_greenlet"),
        ("not-patched", "ends", "killall"),
        ("not-patched", "ends", "destroyed_hub_and_new"),
        ("patched-first", "ends", "destroyed_hub_and_new"),
    ],
)
def test_explore(arrivals, redis_server, order, name, how):
    arguments = (how,) if how else ()
    with program(name, order, *arrivals.arguments, *arguments, environment=outbox(redis_server)) as process:
        process.line("x^") if False else None
        print(process.ended().check(code=3 if how.startswith("exit") else 0))
    with relay_process(redis_server.url) as relay:
        redis_server.wait_until(lambda client: not client.xlen("segment:outbox"))
        relay.signal(signal.SIGTERM)
        relay.ended().check()
    print(arrivals.server.summary(), len(set(arrivals.counted())))
    assert arrivals.server.summary()["duplicates"] == 0 or "destroyed" in how


@pytest.mark.parametrize("order", ["patched-first", "not-patched"])
@pytest.mark.parametrize("how", ["os_fork_under_load", "gevent_fork_under_load"])
def test_20_forks_under_load_cost_nothing(
    arrivals: Arrivals, redis_server: RedisServer, order: str, how: str
) -> None:
    """Parent and children each have connections of their own to Redis; nothing is lost, or added twice."""
    with program("forks", order, *arrivals.arguments, how, environment=outbox(redis_server)) as process:
        ended = process.ended().check()
    assert not ended.errors
    counts = [line.split(":") for line in ended.output.split("\n") if line]
    expected = set().union(*(numbered(who, int(count)) for who, count in counts))
    with relay_process(redis_server.url) as relay:
        redis_server.wait_until(lambda client: not client.xlen("segment:outbox"))
        relay.signal(signal.SIGTERM)
        relay.ended().check()
    arrivals.expect(expected.union(*(numbered(f"child {number}", 30) for number in range(20))))


def test_gunicorns_workers_deliver_by_way_of_a_relay(arrivals: Arrivals, redis_server: RedisServer) -> None:
    """What was tracked in answered requests is in Redis when the server has ended, and arrives with the next relay."""
    pages = [f"/page/{number}" for number in range(203)]
    with gunicorn({**arrivals.environment, **outbox(redis_server)}) as server:
        assert server.visit(pages) == set(pages)
        server.signal(signal.SIGTERM)
        server.ended().check()
    assert arrivals.server.summary()["total"] == 0
    with relay_process(redis_server.url) as relay:
        redis_server.wait_until(lambda client: not client.xlen("segment:outbox"))
        relay.signal(signal.SIGTERM)
        relay.ended().check()
    arrivals.compare(arrivals.pages(), pages)
