"""The counts as Prometheus metrics, in one process or in the workers of a server. Wants the extra `prometheus`.

    from segment_gevent.contrib.prometheus import expose

    expose()

Where prometheus_client runs in its multiprocess mode (`PROMETHEUS_MULTIPROC_DIR`), a page of metrics is made from files
that all workers write, and no collector is asked. So the counts are carried over into ordinary metrics: before each
page that this process makes from its registry, and in that mode also every few seconds and at the process's end.
"""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Iterable
from functools import partial

import gevent
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Metric

import segment_gevent as segment
from segment_gevent.counters import COUNTERS

__all__ = ["SegmentMetrics", "expose"]

INTERVAL = 5.0
"""Seconds between two updates of the files, in multiprocess mode: what a killed worker's counts lack at most."""


class SegmentMetrics:
    """The metrics of one client, or of whichever is the default client; made by `expose`."""

    def __init__(self, client: segment.Client | None, registry: CollectorRegistry) -> None:
        self._client = client
        self._seen: dict[tuple[object, ...], float] = {}
        self._seen_of: tuple[int, weakref.ref[segment.Client] | None] = (0, None)
        registry.register(self)  # before the others: pages are made in the order of registration
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, labelnames=(), registry=registry)
        self._submitted = counter("segment_submitted_messages", "Valid calls.", ["type"])
        self._settled = counter("segment_messages", "Messages by what became of them.", ["fate", "reason"])
        self._batches = counter("segment_batches", "Batches that found their fate.")
        self._retries = counter("segment_retries", "Attempts after a batch's first.")
        self._bytes = counter("segment_sent_bytes", "Bytes of request bodies that got an answer.")
        self._pending = gauge(
            "segment_pending_messages", "Messages that wait or are in flight.", multiprocess_mode="livesum"
        )
        self._spooled = gauge(
            "segment_spooled_messages", "Messages that live processes put on disk.", multiprocess_mode="livesum"
        )
        self._age = gauge(
            "segment_oldest_message_age_seconds", "Age of the oldest pending message.", multiprocess_mode="livemax"
        )
        self._healthy = gauge(
            "segment_healthy", "1 where messages get through, in every process.", multiprocess_mode="livemin"
        )

    def describe(self) -> Iterable[Metric]:
        """Nothing: the metrics describe themselves."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Nothing, but the metrics are current then."""
        self.update()
        return []

    def update(self) -> None:
        """Carry the counts over. Never switches."""
        client = self._client or segment.default_client
        if client is None:
            return
        self._begin_anew_if_other(client)
        stats, health = client.stats, client.health()
        for kind, name in COUNTERS.items():
            self._grow(self._submitted, getattr(stats, name), kind)
        self._grow(self._settled, stats.delivered, "delivered", "")
        self._grow(self._settled, stats.failed, "failed", "")
        for reason, dropped in stats.dropped_by_reason.items():
            self._grow(self._settled, dropped, "dropped", reason)
        self._grow(self._batches, stats.batches)
        self._grow(self._retries, stats.retries)
        self._grow(self._bytes, stats.bytes_sent)
        self._pending.set(stats.pending)
        self._spooled.set(stats.spooled)
        self._age.set(stats.oldest_age)
        self._healthy.set(health.ok)

    def finish(self) -> None:
        """The process ends: deliver what waits, so that its fate is among the last counts."""
        if (client := self._client or segment.default_client) is not None:
            client.flush(client.options.shutdown_timeout)
        self.update()

    def _begin_anew_if_other(self, client: segment.Client) -> None:
        """A forked child's client, and one that was initialized again, count from 0; the metrics never go back."""
        pid, seen_of = self._seen_of
        if pid != os.getpid() or seen_of is None or seen_of() is not client:
            self._seen.clear()
            self._seen_of = (os.getpid(), weakref.ref(client))

    def _grow(self, counter: Counter, count: float, *labels: str) -> None:
        key = (counter, *labels)
        more = count - self._seen.get(key, 0)
        self._seen[key] = count
        (counter.labels(*labels) if labels else counter).inc(max(0, more))


def expose(
    client: segment.Client | None = None, *, registry: CollectorRegistry = REGISTRY, interval: float = INTERVAL
) -> SegmentMetrics:
    """Register metrics of the counts; once a process or, in a preloading server, once in the master.

    Args:
        client: whose counts; left out, those of the default client, also one that is initialized later.
        registry: where the page of metrics is made from.
        interval: seconds between two updates of the files that the workers share, in multiprocess mode.

    Raises:
        ValueError: the registry has these metrics.
    """
    metrics = SegmentMetrics(client, registry)
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        metrics.update()  # a preloading master's hub never turns
        timer = gevent.get_hub().loop.timer(interval, interval, ref=False)
        timer.start(gevent.spawn, metrics.update)
        atexit.register(metrics.finish)
    return metrics
