"""What a browser lets other pages do to the local Segment, and what one beyond this machine needs to see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from servers.browser import Browser, expect
from servers.local_segment import LocalSegment
from servers.segment_calls import message

from segment_gevent.debugger.process import read_address, start_module, stop_process

pytestmark = pytest.mark.xdist_group("page")

# What a curious page tries; each either fails or tells nothing.
TRIES = {
    "reading": "fetch(`${url}/_/events`).then(answer => answer.text())",
    "reading blindly": "fetch(`${url}/_/events`, {mode: 'no-cors'}).then(read)",
    "listening": """new Promise((done, failed) => {
        const source = new EventSource(`${url}/_/stream`);
        source.onopen = () => done('open');
        source.onerror = () => { source.close(); failed(new Error('refused')); };
    })""",
    "forgetting": "fetch(`${url}/_/reset`, {method: 'POST', mode: 'no-cors'}).then(read)",
}


class Elsewhere(BaseHTTPRequestHandler):
    """An empty page."""

    def do_GET(self) -> None:
        """Answer with it."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Elsewhere</title><body>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The address of a page of another site on this machine, which no rule about networks keeps from loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as site:
        thread = Thread(target=site.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{site.server_port}/"
        site.shutdown()
        thread.join()


def test_no_page_of_another_site_reads_events(
    browser: Browser, elsewhere: str, server: LocalSegment, send: Callable[..., None]
) -> None:
    """Nor forgets them, nor has the page in a frame; sending some is what browser libraries do."""
    send(message(1))
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(elsewhere)
        page.evaluate("() => { window.read = answer => answer.text().then(text => text || 'nothing'); }")
        for name, attempt in TRIES.items():
            outcome = page.evaluate(f"url => ({attempt}).catch(error => 'nothing')", server.url)
            assert outcome == "nothing", name
        page.evaluate(
            """url => new Promise(done => {
                const frame = document.createElement('iframe');
                frame.onload = done;
                frame.src = url;
                document.body.append(frame);
            })""",
            server.url,
        )
        assert "Local Segment" not in page.frames[-1].content()
        call = """url => fetch(`${url}/v1/track`, {method: 'POST', body: JSON.stringify(
            {writeKey: 'key', userId: 'ada', event: 'From a shop'})}).then(answer => answer.status)"""
        assert page.evaluate(call, server.url) == 200
    assert [event["message"]["event"] for event in server.events()] == ["From a shop", "Item Bought"]


def test_beyond_this_machine_the_address_has_a_token(browser: Browser) -> None:
    """It is asked for once, and then in a cookie; without it there is no page."""
    process = start_module("segment_gevent.debugger", "--host", "0.0.0.0", "--port", "0")
    try:
        address = read_address(process).replace("0.0.0.0", "127.0.0.1")
        with browser.new_context() as context:
            page = context.new_page()
            assert page.goto(address.partition("?")[0]).status == 401
            page.goto(address)
            expect(page.get_by_role("heading", name="Nothing has arrived yet")).to_be_visible()
            assert "token" not in page.url
            page.get_by_role("link", name="Faults").click()
            page.get_by_role("button", name="Add fault").click()
            expect(page.locator(".fault-queue li")).to_have_count(1)
    finally:
        stop_process(process)
