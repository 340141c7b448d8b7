"""A relay's pages, for probes and for Prometheus: `/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import gevent
from gevent.pywsgi import WSGIServer
from redis.exceptions import RedisError

from segment_gevent.relay import metrics, overview
from segment_gevent.relay.relay import Relay

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

READY_WITHIN = 15.0
"""Seconds since Redis did something for the relay, after which it is not ready: an idle one reads all the time."""

LOOK_WITHIN = 2.0
"""Seconds that Redis has for the numbers of `/metrics`."""

Answer = tuple[str, str, str]
"""Status, content type and text."""


class Pages:
    """The pages of one relay, as a WSGI application."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._routes: dict[str, Callable[[], Answer]] = {
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/metrics": self._metrics,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        route = self._routes.get(environ.get("PATH_INFO", ""), _unknown)
        status, content_type, text = route()
        start_response(status, [("Content-Type", content_type), ("Cache-Control", "no-store")])
        return [text.encode()]

    def _health(self) -> Answer:
        """That the hub turns, which an answer is enough for."""
        return _plain(True, "alive")

    def _readiness(self) -> Answer:
        if self._relay.is_stopping:
            return _plain(False, "stopping")
        age = time.monotonic() - self._relay.persistence.answered_at
        if age > READY_WITHIN:
            return _plain(False, "the outbox does not answer")
        return _plain(True, "ready")

    def _metrics(self) -> Answer:
        relay = self._relay
        gauges = metrics.Gauges(
            entries_in_hand=len(relay.hand.held),
            bytes_in_hand=relay.hand.size,
            messages_waiting=len(relay.lanes),
            lanes_held=len(relay.lanes.held),
        )
        return "200 OK", metrics.CONTENT_TYPE, metrics.page(relay.counts, gauges, self._look())

    def _look(self) -> overview.Overview | None:
        with gevent.Timeout(LOOK_WITHIN, False):  # type: ignore[arg-type]  # no exception at all is meant
            try:
                return overview.look(self._relay.redis, self._relay.keys)
            except (RedisError, OSError):
                return None
        return None


def serve(relay: Relay, host: str, port: int) -> WSGIServer:
    """A server of the pages, started; port 0 takes a free one.

    Raises:
        OSError: the address is taken, or none of this machine's.
    """
    server = WSGIServer((host, port), Pages(relay), log=None, error_log=None)
    server.start()
    return server


def _plain(is_well: bool, text: str) -> Answer:
    return ("200 OK" if is_well else "503 Service Unavailable"), "text/plain; charset=utf-8", f"{text}\n"


def _unknown() -> Answer:
    return "404 Not Found", "text/plain; charset=utf-8", "/healthz, /readyz and /metrics are here\n"
