"""One hub's way into the outbox: adds batches to the stream, each in one round trip."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from redis.exceptions import NoPermissionError

from segment_gevent.delivery import lifecycle
from segment_gevent.delivery.compression import gzipped
from segment_gevent.delivery.outbox.accepted import Accepted
from segment_gevent.delivery.outbox.connections import client
from segment_gevent.delivery.outbox.entry import GZIP, IDENTITY, fields
from segment_gevent.delivery.outbox.faults import NotReplicatedError, OutboxFullError
from segment_gevent.delivery.sockets import Sockets
from segment_gevent.options import Options
from segment_gevent.redis_url import RedisUrl

REPLICAS_WITHIN = 2_000
"""Milliseconds that replicas have to confirm a batch, where the URL asks for it."""


class OutboxSession:
    """Adds batches from one hub."""

    def __init__(self, url: RedisUrl, options: Options, sockets: Sockets) -> None:
        self._url = url
        self._options = options
        self._redis = client(url, sockets, timeout=options.timeout)
        # Batches in the stream, as Redis said last. The first send asks: many processes send but once.
        self._waiting = url.max_entries

    def send(self, body: bytes, headers: Mapping[str, str]) -> Any:  # noqa: ARG002 - those are for HTTP
        """Add the batch, whose body is lines; answers an `Accepted`.

        Raises:
            redis.RedisError, OSError: as they come.
            OutboxFullError: the stream is full; the batch was not added.
            NotReplicatedError: too few replicas have it; it was added, and comes twice if it is added again.
        """
        if self._waiting >= self._url.max_entries:
            self._waiting = self._length()
            if self._waiting >= self._url.max_entries:
                raise OutboxFullError(f"the stream is full: {self._waiting:,} batches wait")
        entry = self._entry(body)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.xadd(self._url.stream, entry)  # type: ignore[arg-type]  # a dict is invariant in its keys
            pipe.xlen(self._url.stream)
            if self._url.replicas:
                pipe.wait(self._url.replicas, REPLICAS_WITHIN)
            # Raised by the pipeline, an error's text would hold the command, and with it the write key.
            entry_id, waiting, *replicas = pipe.execute(raise_on_error=False)
        if isinstance(entry_id, Exception):
            raise entry_id
        # The batch is there, whatever became of the other two.
        self._waiting = waiting if isinstance(waiting, int) else 0
        if replicas and not (isinstance(replicas[0], int) and replicas[0] >= self._url.replicas):
            had = replicas[0] if isinstance(replicas[0], int) else "no"
            if self._url.service:
                self.close()  # it may be the master no more, and not know: the next attempt asks the sentinels
            raise NotReplicatedError(f"{had} of {self._url.replicas} replicas have the batch")
        return Accepted(entry_id.decode(), self._waiting)

    def _length(self) -> int:
        try:
            return int(self._redis.xlen(self._url.stream))
        except NoPermissionError:  # the user may add, and the bound is not seen
            return 0

    def close(self) -> None:
        """Close the connections that idle. Never waits or raises; a later send opens new ones."""
        with suppress(Exception):  # its hub has ended, and the sockets are as good as closed
            self._redis.connection_pool.disconnect(inuse_connections=False)

    def _entry(self, body: bytes) -> dict[str, str | bytes]:
        options = self._options
        count = body.count(b"\n") + 1
        if options.gzip:
            body = gzipped(body, level=options.gzip_level, between=lifecycle.turn)
        encoding = GZIP if options.gzip else IDENTITY
        return fields(
            write_key=options.api_key, host=options.host, body=body, encoding=encoding, count=count, now=time.time()
        )


def sockets_of(url: RedisUrl, verify: bool | str | None) -> Sockets:
    """What connections to `url` share; the URL's own CA file goes over `verify`."""
    return Sockets(url.cafile or verify, certificate=(url.certfile, url.keyfile) if url.certfile else None)
