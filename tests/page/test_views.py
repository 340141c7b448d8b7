"""The other views: names, people, requests, and the faults panel."""

from __future__ import annotations

import re
from collections.abc import Callable

import gevent
import pytest
from servers.browser import Route, Visits, expect
from servers.local_segment import LocalSegment
from servers.segment_calls import batch, headers, message

from segment_gevent.debugger.connection import Connection

pytestmark = pytest.mark.xdist_group("page")

Send = Callable[..., None]


def test_names_tell_what_they_carried(visit: Visits, send: Send) -> None:
    """How often, when first and last, and each property with its types, mixed ones marked."""
    send(
        message(1, event="Bought", properties={"price": 9.9, "plan": "pro"}),
        message(2, event="Bought", properties={"price": "9.90"}),
    )
    send(message(3, event="Seen"))
    page = visit("/?view=names")
    expect(page.locator(".name .title")).to_have_text(["Bought", "Seen"])
    page.get_by_role("button", name="Bought").click()
    expect(page.locator(".properties tbody tr")).to_have_count(2)
    expect(page.locator(".properties")).to_contain_text("mixed types")
    expect(page.locator(".properties tr", has_text="plan")).to_contain_text("50 %")
    expect(page.locator(".name.open .name-times")).to_contain_text(re.compile(r"last (just now|\d+ s ago)"))
    expect(page.locator(".name.open .name-times")).to_contain_text("first")
    page.get_by_role("searchbox", name="Search names").fill("see")
    expect(page.locator(".name .title")).to_have_text(["Seen"])
    page.locator(".name-row").click()
    page.get_by_role("link", name="Show its events").click()
    expect(page.locator(".row")).to_have_count(1)


def test_a_persons_path_leads_from_anonymous_to_known(visit: Visits, send: Send) -> None:
    """Under all ids that a message joins, oldest first; and it grows."""
    send(message(1, userId=None, anonymousId="visitor-17", event="Came"))
    send(message(2, type="identify", event=None, anonymousId="visitor-17", userId="olga", traits={}, properties=None))
    send(message(3, userId="olga", event="Bought"), message(4, userId="someone else"))
    page = visit("/?view=people")
    page.get_by_role("link", name="olga").click()
    expect(page.locator(".path .title")).to_have_text(["Came", "olga", "traits of a visitor", "Bought"])
    expect(page.locator(".path-known")).to_have_text("became known as olga")
    expect(page.locator(".id")).to_have_text(["olga", "visitor-17"])
    send(message(5, userId="olga", event="Left"))
    expect(page.locator(".path .title").last).to_have_text("Left")
    page.locator(".path .row").first.click()
    expect(page.locator(".detail h2")).to_have_text("Came")


def test_the_request_log(visit: Visits, send: Send, server: LocalSegment) -> None:
    """Sizes, statuses, compression, retries and problems of each, live; one opens to its headers."""
    send(message(1), message(2))
    page = visit("/?view=requests")
    row = page.locator(".request-row").first
    expect(row).to_contain_text("POST /v1/batch")
    expect(row).to_contain_text("2 messages")
    send(message(3, event=None), User_Agent="by-hand/1.0", X_Retry_Count="1")
    expect(row.locator(".mark")).to_have_text(["retry 1", "1 problem"])
    server.faults([{"status": 503}])
    send(message(4), status=503)
    expect(row.locator(".status")).to_have_text("503")
    expect(row.locator(".mark")).to_have_text(["fault"])
    page.locator(".request-row").nth(1).click()
    detail = page.get_by_role("region", name="Request", exact=True)
    expect(detail).to_contain_text("message 0: event is missing")
    expect(detail).to_contain_text("by-hand/1.0")
    expect(detail).to_contain_text("Basic ***")
    expect(detail).to_contain_text("not compressed")
    detail.get_by_role("link", name="show it").click()
    expect(page.locator(".row")).to_have_count(1)


def test_requests_that_come_while_the_log_is_loading_are_in_it(visit: Visits, send: Send) -> None:
    """However late the first answer is: it tells of the time when it was asked for."""
    send(message(1))
    page = visit("/?view=faults")
    late: list[Route] = []
    page.route("**/_/requests?*", lambda route: late.append(route), times=1)
    with page.expect_request("**/_/requests?*"):
        page.get_by_role("link", name="Requests").click()
    send(message(2), message(3))
    expect(page.locator(".stream-line")).to_contain_text("2 requests")
    late.pop().continue_()
    expect(page.locator(".cell-messages")).to_have_text(["2 messages", "1 message"])


def test_faults_are_ordered_and_used_up(visit: Visits, send: Send, server: LocalSegment) -> None:
    """What the panel says is what the next requests meet; how they fared is told."""
    page = visit("/?view=faults")
    page.get_by_role("radio", name="Rate limit").check()
    page.get_by_label("Retry-After, in seconds").fill("7")
    page.get_by_label("How many requests").fill("2")
    page.get_by_role("button", name="Add fault").click()
    expect(page.locator(".fault-queue li")).to_contain_text("the next 2 requests")
    assert server.ask("GET", "/_/faults") == [{"status": 429, "headers": {"Retry-After": "7"}, "times": 2}]
    expect(page.locator(".badge")).to_have_text("1")
    send(message(1), status=429)
    expect(page.locator(".fault-queue li")).to_contain_text("the next request")
    page.get_by_role("radio", name="Server error").check()
    page.get_by_label("Share of requests, in per cent").fill("50")
    page.get_by_role("button", name="Add fault").click()
    expect(page.locator(".fault-queue li").last).to_contain_text("50 % of requests, until removed")
    page.get_by_role("button", name="Remove fault 2").click()
    expect(page.locator(".fault-queue li")).to_have_count(1)
    send(message(1), status=429)
    send(message(1))
    expect(page.locator(".fared li")).to_have_text(["429", "429", "200"])
    expect(page.locator(".fault-queue")).to_contain_text("every request is answered as it deserves")


def test_a_refusal_stays_until_the_next_button(visit: Visits, send: Send, server: LocalSegment) -> None:
    """Whatever the server tells of meanwhile."""
    page = visit("/?view=faults")
    page.get_by_role("radio", name="Server error").check()
    page.route("**/_/faults", lambda route: route.fulfill(status=400, body='{"error": "no more faults"}'), times=1)
    page.get_by_role("button", name="Add fault").click()
    expect(page.locator(".trouble")).to_have_text("no more faults")
    send(message(1))
    expect(page.locator(".fared li")).to_have_count(1)
    expect(page.locator(".trouble")).to_have_text("no more faults")
    page.get_by_role("button", name="Add fault").click()
    expect(page.locator(".trouble")).to_have_count(0)
    assert all("400" in complaint for complaint in visit.complaints)
    visit.complaints.clear()


def test_an_event_that_cannot_be_had_shows_no_other(visit: Visits, send: Send) -> None:
    """Nor is another's copied under its name."""
    send(message(1, event="First"), message(2, event="Second"))
    page = visit("/")
    page.locator(".row", has_text="First").click()
    expect(page.locator(".detail h2")).to_have_text("First")
    page.route("**/_/events?after=*", lambda route: route.fulfill(status=500, body='{"error": "not now"}'))
    page.keyboard.press("k")
    expect(page.locator(".detail .trouble")).to_have_text("not now")
    expect(page.locator(".detail h2")).to_have_count(0)
    assert all("500" in complaint for complaint in visit.complaints)
    visit.complaints.clear()


def test_held_answers_are_released(visit: Visits, server: LocalSegment) -> None:
    """One that never comes, until the panel lets it go."""
    page = visit("/?view=faults")
    page.get_by_role("radio", name="Never").check()
    page.get_by_label("How many requests").fill("1")
    page.get_by_role("button", name="Add fault").click()
    expect(page.locator(".fault-queue li")).to_have_count(1)
    with Connection(server.url) as connection:
        call = gevent.spawn(connection.request, "POST", "/v1/batch", batch(message(1)), headers())
        server.wait_for(1, held=1)
        expect(page.locator(".fared")).to_contain_text("…")
        page.get_by_role("button", name="Release 1 answer").click()
        assert call.get(timeout=20)[0] == 200
    expect(page.locator(".fared")).to_have_text("200")
