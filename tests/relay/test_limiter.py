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


def admit(limiter: Limiter, host: str) -> None:
    """As a worker with nothing else to do."""
    while (refusal := limiter.admit(host)) is not None:
        gevent.sleep(refusal.seconds)


def test_two_relays_share_a_rate(there: redis.Redis) -> None:
    """Together they send no faster than it says, but for a burst after idleness."""
    rate, requests = 100.0, 50
    relays = [Limiter(there, KEYS, rate, Counts()) for _ in range(2)]
    admit(relays[0], HOST)  # loads the scripts
    start = time.monotonic()
    gevent.joinall([gevent.spawn(admit, relays[n % 2], HOST) for n in range(requests)], raise_error=True)
    assert time.monotonic() - start > requests / rate - BURST - 0.02


def test_hosts_have_rates_of_their_own(there: redis.Redis) -> None:
    """A host that is asked often leaves the others theirs; and nobody waits with a request whose turn is far off."""
    limiter = Limiter(there, KEYS, 0.001, Counts())
    assert [limiter.admit(host) for host in (HOST, OTHER)] == [None, None]
    refusal = limiter.admit(HOST)
    assert refusal is not None
    assert (refusal.is_paused, refusal.seconds) == (False, pytest.approx(1_000, abs=20))


def test_a_rate_limit_holds_for_all_relays(there: redis.Redis) -> None:
    """None of them sends before it is over; a shorter one does not end it, and other hosts are not concerned."""
    counts = Counts()
    one, two = Limiter(there, KEYS, 1_000, counts), Limiter(there, KEYS, 1_000, Counts())
    one.pause(HOST, 60)
    one.pause(HOST, 5)
    refusal = two.admit(HOST)
    assert refusal is not None
    assert (refusal.is_paused, refusal.seconds) == (True, pytest.approx(60, abs=10))
    assert two.admit(OTHER) is None
    assert counts.paused == 65
    there.delete(KEYS.pause(HOST))
    assert two.admit(HOST) is None


def test_what_it_keeps_expires(there: redis.Redis) -> None:
    """A fleet that is gone leaves nothing of its rate behind."""
    Limiter(there, KEYS, 10, Counts()).admit(HOST)
    assert 0 < there.pttl(KEYS.rate(HOST)) <= 60_000
