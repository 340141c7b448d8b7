"""The filters narrow the stream, and stand in the address, so that a view can be shared."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from servers.browser import Page, Visits, expect
from servers.segment_calls import message

pytestmark = pytest.mark.xdist_group("page")

Send = Callable[..., None]


def mixture() -> list[dict[str, object]]:
    return [
        message(1, event="Signed Up", userId="ilya", properties={"plan": "free"}),
        message(2, event="Bought a Plan", userId="noor", properties={"plan": "Größe"}),
        message(3, type="page", name="Home", event=None, userId="ilya"),
        message(4, event=None, userId="marta"),
        message(2, event="Bought a Plan", userId="noor"),
    ]


def shown(page: Page, *titles: str) -> None:
    expect(page.locator(".virtual-row .title")).to_have_text(list(titles))


def test_each_filter_narrows_the_stream(visit: Visits, send: Send) -> None:
    """By type, name, person, validity and words; all of them can be taken away at once."""
    send(*mixture())
    page = visit()
    expect(page.locator(".virtual-row")).to_have_count(5)
    page.get_by_role("button", name="page 1").click()
    shown(page, "Home")
    page.get_by_role("button", name="track 4").click()
    expect(page.locator(".virtual-row")).to_have_count(5)
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("combobox", name="Event name").fill("Signed Up")
    shown(page, "Signed Up")
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("searchbox", name="User or visitor").fill("noor")
    shown(page, "Bought a Plan", "Bought a Plan")
    page.get_by_role("combobox", name="Validity").select_option("duplicates")
    expect(page.locator(".row .mark")).to_have_text(["duplicate"])
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("combobox", name="Validity").select_option("with problems")
    shown(page, "without a name")
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("searchbox", name="Search all text").fill("GRÖSSE")
    shown(page, "Bought a Plan")


def test_only_what_passes_arrives(visit: Visits, send: Send) -> None:
    """The numbers above are of all."""
    page = visit("/?event=Wanted")
    send(message(1), message(2, event="Wanted"), message(3))
    shown(page, "Wanted")
    expect(page.locator(".numbers dd").first).to_have_text("3")


def test_a_time_narrows_it_too(visit: Visits, send: Send) -> None:
    """The last minute has what came just now; a time before it has not."""
    send(message(1))
    page = visit()
    page.get_by_role("combobox", name="Time").select_option("the last minute")
    expect(page.get_by_label("From")).not_to_have_value("")
    expect(page.locator(".virtual-row")).to_have_count(1)
    page.get_by_label("To", exact=True).fill("2020-01-01T00:00:00")
    page.get_by_label("To", exact=True).blur()
    expect(page.get_by_role("heading", name="No event passes these filters")).to_be_visible()


def test_the_address_is_the_view(visit: Visits, send: Send) -> None:
    """Another browser that opens it sees the same; back leads to where one was."""
    send(*mixture())
    page = visit()
    page.get_by_role("button", name="track 4").click()
    page.get_by_role("combobox", name="Validity").select_option("with problems")
    shown(page, "without a name")
    page.locator(".row").click()
    page.get_by_role("button", name="Raw").click()
    expect(page.get_by_label("Raw JSON")).to_be_visible()
    other = visit("/" + page.url.partition("/?")[2].join(["?", ""]))
    shown(other, "without a name")
    expect(other.get_by_label("Raw JSON")).to_contain_text('"userId": "marta"')
    expect(other.get_by_role("button", name="track 4")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(page.get_by_role("region", name="Event", exact=True)).to_have_count(0)
    page.go_back()
    expect(page.locator(".virtual-row")).to_have_count(4)


def test_a_filter_that_is_not_understood_is_told(visit: Visits, send: Send) -> None:
    """In the server's words, and one can go on from there."""
    send(message(1))
    page = visit("/?since=yesterday")
    expect(page.get_by_role("alert")).to_contain_text("since is an ISO 8601 time with its zone, not 'yesterday'")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator(".virtual-row")).to_have_count(1)
    assert all("400" in complaint or "MIME" in complaint for complaint in visit.complaints)
    visit.complaints.clear()
