"""A look at an outbox from outside: a client of its Redis for as long as that takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import redis
from redis.exceptions import RedisError

from segment_gevent.delivery.outbox.connections import client
from segment_gevent.delivery.outbox.faults import delivery_error
from segment_gevent.delivery.outbox.keys import Keys
from segment_gevent.delivery.outbox.session import sockets_of
from segment_gevent.redis_url import parse

TIMEOUT = (5.0, 15.0)
"""Seconds to connect, and between two pieces of an answer."""


class Visit(NamedTuple):
    """An outbox that can be asked."""

    redis: redis.Redis
    keys: Keys


@contextmanager
def visit(outbox: str) -> Iterator[Visit]:
    """The outbox at a URL; within the block the errors of Redis are the package's.

    Raises:
        ConfigError: it is no URL of one.
        DeliveryError: Redis does not answer, or refuses.
    """
    url = parse("outbox", outbox)
    there = client(url, sockets_of(url, None), timeout=TIMEOUT)
    try:
        yield Visit(there, Keys(url.stream))
    except (RedisError, OSError) as error:
        raise delivery_error(error, url.shown) from error
    finally:
        there.connection_pool.disconnect()
