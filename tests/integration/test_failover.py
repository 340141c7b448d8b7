"""A Redis that fails over, under load: clients and relays follow the sentinels to the new master by themselves."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest
from servers.arrivals import Arrivals, numbered
from servers.relays import relay_process
from servers.sentinels import Sentinels

from segment_gevent import Client

Make = Callable[..., Client]

FENCED = ("--min-replicas-to-write", "1")
"""A master that was left, and does not know yet, takes nothing more."""

CLAIM_EARLY = ("--claim-after", "2")
"""What Redis forgot that this relay finished, or had read, is claimed by it after so many seconds."""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Sentinels]:
    with Sentinels(tmp_path / "fleet", *FENCED) as fleet:
        yield fleet


@contextmanager
def load(client: Client) -> Iterator[list[int]]:
    """Events one after another, in small batches; how many there were is in the list at the end."""
    counted, is_on = [0], [True]

    def track() -> None:
        while is_on:
            client.track("", "host", "Counted", {"n": counted[0]})
            counted[0] += 1
            gevent.sleep(0.001)

    greenlet = gevent.spawn(track)
    try:
        yield counted
    finally:
        is_on.clear()
        greenlet.get()


def aside(work: Callable[[], Any]) -> Any:
    """What blocks, in a native thread, while this hub turns."""
    return gevent.get_hub().threadpool.apply(work)


def delivered_by(client: Client, more: int) -> None:
    """Let this hub turn until so many more events are in Redis."""
    wanted = client.stats.delivered + more
    with gevent.Timeout(20):
        while client.stats.delivered < wanted:
            gevent.sleep(0.005)


def test_a_killed_master_costs_nothing_that_a_replica_had(
    arrivals: Arrivals, fleet: Sentinels, make_client: Make
) -> None:
    """With `replicas=1`: a batch that was accepted arrives, and client and relay go on with the new master."""
    client = make_client(host=arrivals.server.url, outbox=f"{fleet.url}?replicas=1", flush_at=20, send_timeout=5)
    with relay_process(fleet.url, *CLAIM_EARLY) as relay:
        with load(client) as counted:
            delivered_by(client, 300)
            aside(fleet.fail_over)
            delivered_by(client, 300)
        assert client.flush(20)
        assert client.stats.failed == client.stats.dropped == 0
        aside(lambda: fleet.master.wait_until(lambda redis: not redis.xlen("segment:outbox")))
        relay.signal(signal.SIGTERM)
        assert relay.ended().code == 0
    arrivals.expect(numbered("host", counted[0]), resent=True)


@pytest.mark.slow
def test_a_master_that_is_demoted_is_left(arrivals: Arrivals, fleet: Sentinels, make_client: Make) -> None:
    """After a failover that somebody asked for, while the old master runs on: all that comes after it arrives.

    What the old one took meanwhile, with a replica that followed it still, is measured by benchmarks/fleet/losses.py.
    """
    client = make_client(host=arrivals.server.url, outbox=f"{fleet.url}?replicas=1", flush_at=20, send_timeout=5)
    with relay_process(fleet.url, *CLAIM_EARLY) as relay:
        with load(client) as counted:
            delivered_by(client, 300)
            aside(fleet.demote)
            since = counted[0]
            delivered_by(client, 600)
        assert client.flush(20)
        assert client.stats.failed == client.stats.dropped == 0
        aside(lambda: fleet.master.wait_until(lambda redis: not redis.xlen("segment:outbox")))
        relay.signal(signal.SIGTERM)
        assert relay.ended().code == 0
    missing = numbered("host", counted[0]) - numbered("host", since) - set(arrivals.counted())
    assert missing == set()
