"""The master that sentinels name, asked whenever a connection is opened: after a failover it is another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import redis
from redis.exceptions import RedisError


class NoMasterError(ConnectionError):
    """No sentinel could say where the master is."""


class Master:
    """Where the master of one service is.

    Args:
        service: what the sentinels call it.
        sentinels: a client of each, made anew for each question.
    """

    def __init__(self, service: str, sentinels: Sequence[Callable[[], redis.Redis]]) -> None:
        self._service = service
        self._sentinels = list(sentinels)

    def address(self) -> tuple[str, int]:
        """Host and port, from the first sentinel that answers; waits cooperatively.

        Raises:
            NoMasterError: none of them names it.
        """
        has_answer = False
        for sentinel in list(self._sentinels):
            try:
                named = self._ask(sentinel)
            except (RedisError, OSError):
                self._put_last(sentinel)
                continue
            if named is not None:
                return named
            has_answer = True
        what = "the sentinels know no master" if has_answer else "no sentinel answers for the master"
        raise NoMasterError(f"{what} {self._service!r}")

    def doubt(self) -> None:
        """Where it sent to was no master: another sentinel is asked first, since one that is cut off tells old news."""
        self._put_last(self._sentinels[0])

    def _ask(self, sentinel: Callable[[], redis.Redis]) -> tuple[str, int] | None:
        client = sentinel()
        try:
            found: Any = client.sentinel_get_master_addr_by_name(self._service)
        finally:
            client.connection_pool.disconnect()
        if not found:
            return None
        host, port = found
        return (host.decode() if isinstance(host, bytes) else host), int(port)

    def _put_last(self, sentinel: Callable[[], redis.Redis]) -> None:
        self._sentinels.remove(sentinel)
        self._sentinels.append(sentinel)
