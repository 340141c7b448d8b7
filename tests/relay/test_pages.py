"""The pages of a relay: alive, ready, and its numbers for Prometheus."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from prometheus_client.parser import text_string_to_metric_families
from servers.local_segment import LocalSegment
from servers.redis_server import RedisServer
from servers.relays import make_relay, running
from servers.spools import until

from segment_gevent.relay import metrics
from segment_gevent.relay.counts import Counts
from segment_gevent.relay.pages import Pages

LINE = re.compile(r"(# (HELP|TYPE) \w+ .+|[a-z_]+(\{\w+=\"[^\"]*\"\})? [0-9.e+-]+)")


def get(pages: Pages, path: str) -> tuple[str, str]:
    """The status and text of a page."""
    told: list[Any] = []
    (text,) = pages({"PATH_INFO": path}, lambda status, headers: told.append(status))
    return told[0], text.decode()


def test_a_relay_tells_how_it_is(
    redis_server: RedisServer, add: Callable[..., bytes], segment_server: LocalSegment
) -> None:
    """Alive as long as its hub turns; ready from the first answer of Redis to the signal that ends it."""
    idle = Pages(make_relay(redis_server.url))
    assert get(idle, "/healthz") == ("200 OK", "alive\n")
    assert get(idle, "/readyz") == ("503 Service Unavailable", "the outbox does not answer\n")
    assert get(idle, "/")[0] == "404 Not Found"
    with running(redis_server.url) as relay:
        pages = Pages(relay)
        until(lambda: get(pages, "/readyz") == ("200 OK", "ready\n"))
        add(1, 2, host=segment_server.url)
        until(lambda: relay.counts.entries_finished)
        status, text = get(pages, "/metrics")
        relay.stop()
        assert get(pages, "/readyz") == ("503 Service Unavailable", "stopping\n")
    assert status == "200 OK"
    for line in text.splitlines():
        assert LINE.fullmatch(line), line
    assert 'segment_relay_messages_total{fate="delivered"} 2\n' in text
    assert 'segment_relay_requests_total{answer="200"} 1\n' in text
    assert "segment_relay_stream_lag_entries 0\n" in text
    assert "segment_relay_consumers 1\n" in text


def test_the_numbers_come_without_redis_too(tmp_path: Path) -> None:
    """What the relay counted is told; what Redis would know is left out, and that it is away."""
    with RedisServer(tmp_path / "redis") as redis_server:
        pages = Pages(make_relay(redis_server.url))
    _, text = get(pages, "/metrics")
    assert "segment_relay_redis_up 0\n" in text
    assert "segment_relay_entries_read_total 0\n" in text
    assert "stream_lag" not in text


def test_a_page_is_never_held_up_by_redis(redis_server: RedisServer) -> None:
    """Two seconds are what it has for its part of the numbers."""
    pages = Pages(make_relay(redis_server.url))
    get(pages, "/metrics")
    redis_server.signal(signal.SIGSTOP)
    try:
        with gevent.Timeout(10):
            _, text = get(pages, "/metrics")
    finally:
        redis_server.signal(signal.SIGCONT)
    assert "segment_relay_redis_up 0\n" in text


def test_a_page_is_written_as_prometheus_reads_it() -> None:
    """By the official client's own parser."""
    counts = Counts()
    counts.requests.update({"200": 3, "timeout": 1})
    text = metrics.page(counts, metrics.Gauges(1, 2, 3, 4), None)
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {sample.labels["answer"]: sample.value for sample in families["segment_relay_requests"].samples} == {
        "200": 3.0,
        "timeout": 1.0,
    }
    assert families["segment_relay_lanes_held"].type == "gauge"
    assert all(family.documentation for family in families.values())
