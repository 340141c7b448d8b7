"""The fleet's rate and its rate limits, in Redis: shared by all relays, kept apart by host."""

from __future__ import annotations

import time
from collections.abc import Iterator

import gevent
import pytest
import redis
from servers.redis_server import RedisServer

from segment_gevent.delivery.outbox.connections import client
from segment_gevent.delivery.outbox.keys import Keys
from segment_gevent.delivery.sockets import Sockets
from segment_gevent.redis_url import parse
from segment_gevent.relay.counts import Counts
from segment_gevent.relay.limiter import BURST, Limiter

KEYS = Keys("segment:outbox")
HOST, OTHER = "https://h", "https://other"


@pytest.fixture
def there(redis_server: RedisServer) -> Iterator[redis.Redis]:
    made = client(parse("outbox", redis_server.url), Sockets(None), timeout=(5, 5))
    yield made
    made.connection_pool.disconnect()


def test_two_relays_share_a_rate(there: redis.Redis) -> None:
    """Together they send no faster than it says, but for a burst after idleness."""
    rate, requests = 100.0, 50
    relays = [Limiter(there, KEYS, rate, Counts()) for _ in range(2)]
    relays[0].admit(HOST)  # loads the scripts
    start = time.monotonic()
    gevent.joinall([gevent.spawn(relays[n % 2].admit, HOST) for n in range(requests)], raise_error=True)
    assert time.monotonic() - start > requests / rate - BURST - 0.02


def test_hosts_have_rates_of_their_own(there: redis.Redis) -> None:
    """A host that is asked often leaves the others theirs."""
    limiter = Limiter(there, KEYS, 0.001, Counts())
    for host in (HOST, OTHER):
        with gevent.Timeout(5):
            limiter.admit(host)
    with gevent.Timeout(0.1, False):
        limiter.admit(HOST)
        limiter.admit(HOST)
        raise AssertionError("admitted")


def test_a_rate_limit_holds_for_all_relays(there: redis.Redis) -> None:
    """None of them sends before it is over; a shorter one does not end it, and other hosts are not concerned."""
    counts = Counts()
    one, two = Limiter(there, KEYS, 1_000, counts), Limiter(there, KEYS, 1_000, Counts())
    start = time.monotonic()
    one.pause(HOST, 0.3)
    one.pause(HOST, 0.05)
    with gevent.Timeout(5):
        two.admit(OTHER)
        two.admit(HOST)
    assert time.monotonic() - start >= 0.29
    assert counts.paused == pytest.approx(0.35)
    assert not there.exists(KEYS.pause(HOST))


def test_who_waited_looks_again(there: redis.Redis) -> None:
    """A rate limit that came while a request waited for its turn holds for it too."""
    limiter = Limiter(there, KEYS, 5, Counts())
    for _ in range(2):
        limiter.admit(HOST)
    start = time.monotonic()
    waits = gevent.spawn(limiter.admit, HOST)
    gevent.sleep(0.05)
    limiter.pause(HOST, 0.5)
    waits.get(timeout=10)
    assert time.monotonic() - start >= 0.5


def test_what_it_keeps_expires(there: redis.Redis) -> None:
    """A fleet that is gone leaves nothing of its rate behind."""
    Limiter(there, KEYS, 10, Counts()).admit(HOST)
    assert 0 < there.pttl(KEYS.rate(HOST)) <= 60_000
