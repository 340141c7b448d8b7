"""Segment's library for browsers, on a page of another origin: what it sends arrives, and is found right."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from servers.browser import Browser
from servers.local_segment import LocalSegment
from servers.real_clients import FOR_BROWSERS, from_npm

from segment_gevent.events.message import TYPES

CALLS = """async (host) => {
  const segmentio = {apiKey: 'write-key', apiHost: `${host}/v1`, protocol: 'http'}
  const cdnSettings = {integrations: {'Segment.io': segmentio}}  // which it would fetch from Segment
  const [analytics] = await AnalyticsNext.AnalyticsBrowser.load({writeKey: 'write-key', cdnSettings})
  await analytics.identify('user-1', {email: 'ilya@example.org'})
  await analytics.track('Item Bought', {price: 17.9})
  await analytics.page('Docs', 'Home')
  await analytics.screen('Docs', 'Home')
  await analytics.group('acme', {plan: 'team'})
  await analytics.alias('user-2', 'user-1')
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        pass


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    """The address of a page that loads the library, on this machine: browsers let no other send to it unasked."""
    library = from_npm(tmp_path, FOR_BROWSERS) / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"
    (library / "index.html").write_text('<link rel="icon" href="data:,"><script src="index.js"></script>')
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(library))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def test_all_six_calls_of_the_library_for_browsers_arrive_valid(
    segment_server: LocalSegment, browser: Browser, shop: str
) -> None:
    """On a strict server, through a preflight; the page that sent them may read none."""
    page = browser.new_page()
    page.goto(shop)
    page.evaluate(CALLS, segment_server.url.partition("//")[2])
    segment_server.wait_for(len(TYPES))
    assert [event["problems"] for event in segment_server.events()] == [[]] * len(TYPES)
    assert segment_server.summary()["byType"] == dict.fromkeys(TYPES, 1)
    assert {request["headers"]["Origin"] for request in segment_server.requests()} == {shop.rstrip("/")}
    read = "url => fetch(url).then(answer => answer.text(), error => error.name)"
    assert page.evaluate(read, f"{segment_server.url}/_/events") == "TypeError"
    page.close()
