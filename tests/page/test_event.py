"""An open event: its JSON, how it came, and what is wrong with it, in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from servers.browser import Page, Visits, expect
from servers.local_segment import LocalSegment
from servers.segment_calls import headers, message

from segment_gevent.debugger.connection import Connection

pytestmark = pytest.mark.xdist_group("page")

Send = Callable[..., None]

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def open_first(page: Page) -> Page:
    page.locator(".row").first.click()
    expect(page.locator(".detail h2")).to_be_visible()
    return page


def fact(page: Page, name: str, text: str) -> None:
    expect(page.locator(f".detail dt:text-is('{name}') + dd")).to_contain_text(text)


def test_it_opens_to_its_json(visit: Visits, send: Send) -> None:
    """As a tree that opens and closes, and raw."""
    send(message(1, properties={"songs": [{"title": "Blackbird"}], "price": 17.9, "none": None}))
    page = open_first(visit())
    tree = page.locator(".tree")
    expect(tree).to_contain_text("Blackbird")
    tree.get_by_role("button", name="songs").click()
    expect(tree).not_to_contain_text("Blackbird")
    expect(tree).to_contain_text("17.9")
    page.get_by_role("button", name="Raw").click()
    expect(page.get_by_label("Raw JSON")).to_contain_text('"songs": [\n      {\n        "title": "Blackbird"')


def test_it_can_be_copied(visit: Visits, server: LocalSegment) -> None:
    """The JSON as it came, numbers that no float can hold included."""
    with Connection(server.url) as connection:
        body = b'{"userId": "ada", "event": "Paid", "properties": {"id": 12345678901234567890}}'
        assert connection.request("POST", "/v1/track", body, headers())[0] == 200
    page = open_first(visit(permissions=["clipboard-read", "clipboard-write"]))
    page.get_by_role("button", name="Copy JSON").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert '"id": 12345678901234567890' in page.evaluate("navigator.clipboard.readText()")
    expect(page.locator(".tree")).to_contain_text("12345678901234567890")


def test_it_tells_how_it_came(visit: Visits, send: Send) -> None:
    """The request that carried it, how late, and how often that had been tried."""
    called = datetime.now(timezone.utc) - timedelta(hours=5)
    send(message(1), message(2, timestamp=called.isoformat()), X_Retry_Count="2")
    page = visit()
    expect(page.locator(".row .mark")).to_have_text(["retry 2", "retry 2"])
    open_first(page)
    fact(page, "Delay", "5 h")
    fact(page, "Retries", "sent twice before")
    fact(page, "Request", "no. 1 2 messages")
    fact(page, "Library", "by-hand 1.0")
    page.get_by_role("link", name="its events").click()
    expect(page.get_by_role("button", name="of request 1")).to_be_visible()
    expect(page.locator(".virtual-row")).to_have_count(2)


def test_its_problems_are_told_in_words(visit: Visits, send: Send) -> None:
    """All of them, over the rest; a duplicate leads to its double."""
    send(message(1), message(1), message(2, event=None, timestamp="soon"))
    page = open_first(visit())
    callout = page.locator(".callout")
    expect(callout).to_contain_text("2 problems")
    expect(callout.get_by_role("listitem")).to_have_count(2)
    expect(callout).to_contain_text("event is missing")
    expect(callout).to_contain_text("timestamp")
    page.keyboard.press("j")
    expect(callout).to_contain_text("A duplicate")
    callout.get_by_role("link", name="Show them all").click()
    expect(page.locator(".virtual-row")).to_have_count(2)


@pytest.mark.parametrize("view", ["events", "names", "people"])
def test_everything_is_only_text(visit: Visits, send: Send, view: str) -> None:
    """A name that is a script is shown as it is written, wherever it stands, and runs nowhere."""
    send(message(1, event=HOSTILE, userId=HOSTILE, anonymousId=HOSTILE, properties={HOSTILE: HOSTILE}))
    send(message(2, type=HOSTILE, event={"__proto__": HOSTILE}), "no message", 17, None, [[]], {}, User_Agent=HOSTILE)
    page = visit(f"/?view={view}")
    expect(page.locator("main")).to_contain_text("<script>alert(1)</script>")
    if view == "events":
        expect(page.locator(".virtual-row")).to_have_count(7)
        for row in range(7):
            page.locator(".row").nth(row).click()
            expect(page.locator(".detail .json")).to_be_visible()
            page.keyboard.press("Escape")
    if view == "names":
        page.locator(".name-row").first.click()
        expect(page.locator(".properties")).to_contain_text("onerror=alert(2)")
    if view == "people":
        page.locator(".person-link", has_text=HOSTILE).click()
        expect(page.locator(".path")).to_contain_text(HOSTILE)
    assert page.locator("main script, main img").count() == 0
