"""For everyone: by keyboard, on a phone, in the dark, and with what axe knows of accessibility."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from servers.browser import Page, Visits, expect, violations
from servers.local_segment import LocalSegment
from servers.segment_calls import message

pytestmark = pytest.mark.xdist_group("page")

Send = Callable[..., None]
PHONE = {"viewport": {"width": 360, "height": 700}, "has_touch": True, "is_mobile": True}
LONG = "An event whose name is far longer than a telephone is wide, and-has-a-word-without-a-single-space-in-it"


@pytest.fixture
def some(send: Send, server: LocalSegment) -> None:
    """Events of every kind, in trouble and not, and a fault to come."""
    send(
        message(1, event=LONG, userId=None, anonymousId=LONG),
        message(2, event=None),
        message(3, properties={"a": {"b": [1, None]}}),
    )
    send(
        message(3),
        message(4, type="page", name="Home", event=None),
        message(5, type="identify", event=None),
        X_Retry_Count="1",
    )
    send(
        message(6, type="screen", name="Player", event=None),
        message(7, type="group", groupId="g", event=None),
        message(8, type="x"),
    )
    server.faults([{"status": 500}])
    send(message(9), status=500)
    server.faults([{"status": 429, "headers": {"Retry-After": "2"}, "times": 3}])


VIEWS = {
    "/?open={id}": ".detail .json",
    "/?view=names&name=track:Item+Bought": ".properties",
    "/?view=people": ".person-list",
    "/?view=people&id=user-3": ".path",
    "/?view=requests&request=1": ".detail .facts",
    "/?view=faults": ".fared a",
}


@pytest.mark.parametrize(
    "options",
    [{}, {"color_scheme": "dark"}, {**PHONE, "color_scheme": "dark"}],
    ids=["light", "dark", "phone"],
)
def test_axe_finds_nothing(visit: Visits, some: None, server: LocalSegment, options: dict[str, object]) -> None:
    """In any view, light and dark, wide and narrow; nor is anything wider than the screen."""
    page = visit(**options)
    expect(page.locator(".virtual-row")).to_have_count(9)
    assert violations(page) == []
    (broken,) = server.events(valid=False, type="track")
    for template, there in VIEWS.items():
        path = template.format(id=broken["id"])
        page.evaluate(
            "path => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }", path
        )
        expect(page.locator(there).first).to_be_visible()
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.keyboard.press("?")
    assert violations(page) == []


def test_all_of_it_by_keyboard(visit: Visits, send: Send) -> None:
    """The keys that the help shows: to events and through them, to views, to the search and out of it."""
    send(message(1, event="First"), message(2, event="Second"))
    page = visit()
    expect(page.locator(".virtual-row")).to_have_count(2)
    title = page.locator(".detail h2")
    for key, event in (("j", "Second"), ("ArrowDown", "First"), ("k", "Second")):
        page.keyboard.press(key)
        expect(title).to_have_text(event)
    page.keyboard.press("r")
    expect(page.get_by_label("Raw JSON")).to_be_visible()
    page.keyboard.press("Escape")
    expect(title).to_have_count(0)
    page.keyboard.press("p")
    expect(page.locator(".state")).to_have_text("paused")
    page.keyboard.press("p")
    page.keyboard.press("/")
    page.keyboard.type("first")
    expect(page.locator(".virtual-row")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    expect(page.locator(".virtual-row")).to_have_count(2)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("pause, resume")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("4")
    expect(page.locator(".virtual-row")).to_have_count(1)
    expect(page.get_by_role("heading", name="Requests")).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_role("region", name="Request", exact=True)).to_be_visible()


def ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


def test_dark_and_light(visit: Visits) -> None:
    """As the system has it, until one chooses; the choice stays when the page is loaded anew."""
    page = visit()
    light = ground(page)
    assert ground(visit(color_scheme="dark")) != light
    page.get_by_role("button", name="Dark").click()
    dark = ground(page)
    assert dark != light
    page.reload()
    expect(page.get_by_role("button", name="Light")).to_be_visible()
    assert ground(page) == dark
    page.keyboard.press("t")
    expect(page.get_by_role("button", name="Dark")).to_be_visible()
    assert ground(page) == light


def test_a_phone(visit: Visits, some: None) -> None:
    """Everything fits its width; an open event covers the list, and closes again; filters unfold."""
    page = visit(**PHONE)
    rows = page.locator(".virtual-row")
    expect(rows).to_have_count(9)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".row", has_text=LONG).tap()
    detail = page.get_by_role("region", name="Event", exact=True)
    expect(detail.locator("h2")).to_have_text(LONG)
    box = detail.bounding_box()
    assert box is not None
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 360, 700)
    detail.get_by_role("button", name="Close").tap()
    page.get_by_role("button", name="Filters").tap()
    page.get_by_role("combobox", name="Validity").select_option("with problems")
    expect(rows).to_have_count(2)
