"""The stream: what arrives is there at once, and never moves what one reads."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from servers.browser import Page, Visits, expect
from servers.local_segment import LocalSegment
from servers.segment_calls import message

pytestmark = pytest.mark.xdist_group("page")

Send = Callable[..., None]


def titles(page: Page) -> list[str]:
    """The names in the rows, from the top."""
    return page.locator(".virtual-row .title").all_inner_texts()


def state(page: Page, text: str) -> None:
    expect(page.locator(".state")).to_have_text(text)


def waiting(page: Page, count: int) -> None:
    expect(page.get_by_role("button", name=f"{count} new")).to_be_visible()


def test_what_arrives_is_there_at_once_newest_first(visit: Visits, send: Send) -> None:
    """Without loading anew; before it, the page says how to send something."""
    page = visit()
    expect(page.get_by_role("heading", name="Nothing has arrived yet")).to_be_visible()
    send(message(1, event="First"), message(2, event="Second"))
    expect(page.locator(".virtual-row")).to_have_count(2)
    send(message(3, event="Third"))
    expect(page.locator(".virtual-row")).to_have_count(3)
    assert titles(page) == ["Third", "Second", "First"]
    expect(page.locator(".numbers")).to_contain_text("3")


def test_nothing_moves_under_who_has_scrolled(visit: Visits, send: Send) -> None:
    """A row stays where it is on the screen, and what came is counted until one asks for it."""
    send(*(message(number, event=f"Event {number}") for number in range(200)))
    page = visit()
    expect(page.locator(".row").first).to_be_visible()
    page.get_by_role("region", name="Events, newest first").evaluate("list => list.scrollTo({top: 1800})")
    state(page, "held while you read")
    row = page.locator(".row", has_text="Event 140")
    before = row.bounding_box()
    send(*(message(number, event=f"Later {number}") for number in range(1000, 1030)))
    waiting(page, 30)
    assert row.bounding_box() == before
    page.get_by_role("button", name="30 new").click()
    expect(page.locator(".row").first).to_contain_text("Later 1029")
    expect(page.get_by_test_id("length")).to_have_text("230 events")


def test_an_open_event_holds_the_list(visit: Visits, send: Send) -> None:
    """What comes meanwhile waits, and is shown when the event is closed."""
    send(message(1, event="Read me"))
    page = visit()
    page.locator(".row").click()
    state(page, "held while an event is open")
    send(message(2, event="Later"))
    waiting(page, 1)
    assert titles(page) == ["Read me"]
    page.keyboard.press("Escape")
    expect(page.locator(".virtual-row")).to_have_count(2)
    assert titles(page) == ["Later", "Read me"]


def test_a_moving_pointer_holds_the_list_for_a_moment(visit: Visits, send: Send) -> None:
    """Or the row that one is about to click would be another by then."""
    send(message(1))
    page = visit()
    expect(page.locator(".row")).to_be_visible()
    row = page.locator(".row")
    row.hover()
    send(message(2))
    while not page.get_by_role("button", name="1 new").is_visible():
        row.hover(position={"x": 5, "y": 5})
        row.hover(position={"x": 25, "y": 5})
    expect(page.locator(".virtual-row")).to_have_count(2)


def test_pause_and_resume(visit: Visits, send: Send) -> None:
    """The count of what waits grows while the list stands; the numbers above go on."""
    page = visit()
    send(message(1))
    expect(page.locator(".virtual-row")).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    state(page, "paused")
    send(message(2), message(3))
    waiting(page, 2)
    send(message(4))
    waiting(page, 3)
    expect(page.locator(".numbers dd").first).to_have_text("4")
    expect(page.locator(".virtual-row")).to_have_count(1)
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".virtual-row")).to_have_count(4)
    state(page, "live")


def test_a_hundred_thousand_events(visit: Visits, send: Send, server: LocalSegment) -> None:
    """Every one can be scrolled to, and few rows are in the document; beyond that the oldest go."""
    for start in range(0, 100_000, 2500):
        send(*(message(number, event=f"Event {number}") for number in range(start, start + 2500)))
    page = visit()
    rows = page.locator(".virtual-row")
    stream = page.get_by_role("region", name="Events, newest first")
    expect(page.get_by_test_id("length")).to_have_text("100,000 events")
    expect(rows.first).to_contain_text("Event 99999")
    stream.evaluate("list => list.scrollTo({top: list.scrollHeight / 2})")
    expect(page.locator(".row", has_text="Event 49995").first).to_be_visible()
    stream.evaluate("list => list.scrollTo({top: list.scrollHeight})")
    expect(page.locator(".row", has_text="Event 0").last).to_be_visible()
    expect(rows.last).to_have_attribute("aria-posinset", "100000")
    assert rows.count() < 100
    send(*(message(number, event=f"Event {number}") for number in range(100_000, 100_500)))
    waiting(page, 500)
    # The server let go of these; who reads them goes on reading.
    expect(page.locator(".row", has_text="Event 0").last).to_be_visible()
    expect(page.get_by_test_id("length")).to_have_text("100,000 events")
    page.get_by_role("button", name="500 new").click()
    expect(rows.first).to_contain_text("Event 100499")
    expect(page.get_by_test_id("length")).to_have_text("100,000 events")
    stream.evaluate("list => list.scrollTo({top: list.scrollHeight})")
    expect(rows.last).to_contain_text("Event 500")
    page.get_by_role("searchbox", name="Search all text").fill("event 77777")
    expect(page.get_by_test_id("length")).to_have_text("1 event found")


def test_a_reset_empties_it(visit: Visits, send: Send, server: LocalSegment) -> None:
    """Whoever asked for it; and what comes after it is shown."""
    send(message(1))
    page = visit()
    expect(page.locator(".virtual-row")).to_have_count(1)
    server.reset()
    expect(page.get_by_role("heading", name="Nothing has arrived yet")).to_be_visible()
    send(message(2, event="After"))
    expect(page.locator(".row")).to_contain_text("After")


def test_forgetting_everything_asks_first(visit: Visits, send: Send, server: LocalSegment) -> None:
    """A slip of the hand costs nothing."""
    send(message(1))
    page = visit()
    page.get_by_role("button", name="Forget everything").click()
    page.get_by_role("button", name="Keep").click()
    assert server.summary()["total"] == 1
    page.get_by_role("button", name="Forget everything").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(page.get_by_role("heading", name="Nothing has arrived yet")).to_be_visible()
    assert server.summary()["total"] == 0


def test_it_comes_back_with_the_server(visit: Visits, send: Send, server: LocalSegment) -> None:
    """It says when the connection is lost; a new server is a new list."""
    send(message(1, event="Before"), message(2))
    page = visit()
    expect(page.locator(".virtual-row")).to_have_count(2)
    server.kill()
    expect(page.get_by_role("status")).to_have_text("not connected")
    server.start()
    send(message(3, event="After"))
    expect(page.locator(".virtual-row")).to_have_count(1)
    assert titles(page) == ["After"]
    assert all("ERR_" in complaint for complaint in visit.complaints)
    visit.complaints.clear()


def test_rows_that_could_not_be_had_are_asked_for_again(visit: Visits, send: Send) -> None:
    """The server may be away for a moment; the list is there meanwhile."""
    send(*(message(number, event=f"Event {number}") for number in range(300)))
    page = visit()
    expect(page.locator(".row").first).to_be_visible()
    page.route("**/_/events?*", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed"):
        page.get_by_role("region", name="Events, newest first").evaluate("list => list.scrollTo({top: 1e6})")
    expect(page.locator(".row", has_text="Event 0").last).to_be_visible()
    assert all("ERR_FAILED" in complaint for complaint in visit.complaints)
    visit.complaints.clear()


def test_out_of_sight_it_rests_and_then_catches_up(visit: Visits, send: Send) -> None:
    """A browser has few connections to a server: a hidden page keeps none, and misses nothing."""
    send(message(1, event="Before"))
    page = visit()
    expect(page.locator(".virtual-row")).to_have_count(1)
    show = """state => {
        Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page.evaluate(show, "hidden")
    send(*(message(number, event=f"Event {number}") for number in range(2, 102)))
    expect(page.locator(".virtual-row")).to_have_count(1)
    page.evaluate(show, "visible")
    expect(page.get_by_test_id("length")).to_have_text("101 events")
    assert titles(page)[:2] == ["Event 101", "Event 100"]


def test_the_chart_counts_by_type_and_filters_by_time(visit: Visits, send: Send) -> None:
    """A bar a second; what one drags over is the time of the filter."""
    send(message(1), message(2, type="page", name="Home", event=None))
    page = visit()
    chart = page.get_by_role("img", name="Events a second")
    expect(chart).to_have_attribute(
        "aria-label", re.compile("over the last .* seconds: 2 events, at most 2 in a second")
    )
    expect(page.get_by_role("button", name="track 1")).to_be_visible()
    expect(page.get_by_role("button", name="page 1")).to_be_visible()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 20)
    page.mouse.up()
    expect(page.get_by_role("heading", name="No event passes these filters")).to_be_visible()
    assert "since=" in page.url
    assert "until=" in page.url
    page.get_by_role("button", name="Clear filters").first.click()
    expect(page.locator(".virtual-row")).to_have_count(2)
