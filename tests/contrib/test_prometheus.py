"""The metrics: current in one process, and the sums of all workers in a server."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from signal import SIGHUP, SIGTERM
from urllib.error import HTTPError

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from servers.arrivals import Arrivals
from servers.local_segment import LocalSegment
from servers.program import PROGRAMS
from servers.web_server import gunicorn

import segment_gevent as segment
from segment_gevent import Client
from segment_gevent.contrib.prometheus import expose
from segment_gevent.testing import RecordingTransport, ScriptedTransport

MakeClient = Callable[..., Client]
Samples = dict[str, float]


def samples(page: str) -> Samples:
    """Values by name, with the labels' values behind it."""
    return {
        " ".join([sample.name, *filter(None, sample.labels.values())]): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def shown(registry: CollectorRegistry) -> Samples:
    return samples(generate_latest(registry).decode())


def test_a_page_has_the_counts_of_its_moment(make_client: MakeClient) -> None:
    """By fate and reason and by type; each page asks anew."""
    client = make_client(transport=ScriptedTransport(200, 400), log=False)
    registry = CollectorRegistry()
    expose(client, registry=registry)
    client.track(user_id="user", event="Delivered")
    assert shown(registry)["segment_pending_messages"] == 1
    client.flush()
    client.identify(user_id="user")
    client.flush()
    client.track(user_id="user", event="Large", properties={"text": "x" * 40_000})
    page = shown(registry)
    expected = {
        "segment_submitted_messages_total track": 2,
        "segment_submitted_messages_total identify": 1,
        "segment_messages_total delivered": 1,
        "segment_messages_total failed": 1,
        "segment_messages_total dropped too_large": 1,
        "segment_batches_total": 2,
        "segment_pending_messages": 0,
        "segment_oldest_message_age_seconds": 0,
        "segment_healthy": 0,
    }
    assert page.items() >= expected.items()
    assert page["segment_sent_bytes_total"] == client.stats.bytes_sent
    assert shown(registry) == page


def test_counters_never_go_back() -> None:
    """A default client that is initialized again counts from 0; the metrics go on."""
    registry = CollectorRegistry()
    expose(registry=registry)
    for total in (1, 2):
        segment.initialize("write-key", transport=RecordingTransport())
        segment.track(user_id="user", event="Clicked")
        segment.flush()
        assert shown(registry)["segment_messages_total delivered"] == total
    segment.shutdown()


def test_metrics_are_registered_once() -> None:
    """A second time in one registry they would count double."""
    registry = CollectorRegistry()
    expose(registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        expose(registry=registry)


def of_server(url: str) -> Samples:
    with urllib.request.urlopen(f"{url}/metrics", timeout=20) as answer:
        return samples(answer.read().decode())


def wait_for(url: str, delivered: int) -> Samples:
    """The page of metrics, once it shows so many; fails if it shows less than before, or more.

    prometheus_client can't read the file that another worker is making at that moment: such a page is asked for again.
    """
    deadline, before = time.monotonic() + 20, 0.0
    while True:
        try:
            page = of_server(url)
        except HTTPError:
            if time.monotonic() >= deadline:
                raise
            continue
        now = page.get("segment_messages_total delivered", 0.0)
        assert before <= now <= delivered, page
        if now == delivered:
            return page
        assert time.monotonic() < deadline, page
        before = now


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["no preload", "preload"])
def test_a_server_shows_the_sums_of_its_workers(
    options: tuple[str, ...], segment_server: LocalSegment, tmp_path: Path
) -> None:
    """Of two workers, and of those that were replaced too: what any page shows is what arrived."""
    arrivals = Arrivals(segment_server, "")
    environment = {**arrivals.environment, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    loads = 0 if options else 2  # each worker tracks that it loaded the application, or the master, which keeps it
    pages = [f"/page/{number}" for number in range(100)]
    with gunicorn(
        environment, *options, app="metrics_app:application", configuration=PROGRAMS / "gunicorn_metrics.py"
    ) as server:
        assert server.visit(pages[:60]) == set(pages[:60])
        page = wait_for(server.url, 60 + loads)
        assert page["segment_submitted_messages_total track"] == 60 + loads + bool(options)
        server.signal(SIGHUP)
        server.line(r"(?s)(The worker is ready.*){4}")
        server.line(r"(?s)(Worker exiting.*){2}")
        assert server.visit(pages[60:]) == set(pages[60:])
        wait_for(server.url, 100 + 2 * loads)
        server.signal(SIGTERM)
        server.ended()
    assert sorted(arrivals.pages()) == sorted(pages)
