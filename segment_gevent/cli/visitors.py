"""The demo's visitors: greenlets that share out a number of requests among them, each on its own connection."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

from gevent.pool import Group

from segment_gevent.debugger.connection import Connection


class Visitors:
    """Visits a shop `requests` times from `greenlets` greenlets. `answered` and `failed` count as it goes."""

    def __init__(self, url: str, requests: int, greenlets: int) -> None:
        self.answered = 0
        self.failed = 0
        self._url = url
        self._numbers = iter(range(requests))
        self._group = Group()
        for _ in range(min(greenlets, requests)):
            self._group.spawn(self._visit)

    def progress(self, interval: float) -> Iterator[int]:
        """Yield how many requests have ended, every `interval` seconds and once when all have. Cooperative."""
        while not self._group.join(timeout=interval):
            yield self.answered + self.failed
        yield self.answered + self.failed

    def stop(self) -> None:
        """End all visits. Safe twice."""
        self._group.kill()

    def _visit(self) -> None:
        with Connection(self._url) as connection:
            for number in self._numbers:
                try:
                    status, _ = connection.request("GET", f"/visit/{number}")
                except (OSError, http.client.HTTPException):
                    status = 0
                if status == 204:
                    self.answered += 1
                else:
                    self.failed += 1
