"""The search among recorded events: what is found, and what is said where nothing is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import segment_gevent as segment
from segment_gevent import Client, ValidationError
from segment_gevent.testing import SegmentEvents, disabled, recorded


@pytest.fixture
def events() -> SegmentEvents:
    """Those of a small shop."""
    with recorded() as events:
        segment.track("v-1", "ilya", "Order Completed", {"total": 30, "items": [{"sku": "a"}, {"sku": "b"}], "a.b": 1})
        segment.track("v-2", 7, "Order Completed", {"total": Decimal("9.90")})
        segment.identify("v-1", "ilya", {"plan": "free"})
        segment.page("v-1", name="Cart")
        segment.screen("v-1", name="Home")
        segment.group("v-1", group_id="acme")
        segment.alias("v-1", "ilya")
    return events


@pytest.mark.parametrize(
    "expected",
    [
        {"user_id": "ilya"},
        {"session_id": "v-1", "anonymous_id": "v-1"},
        {"properties__total": 30, "properties__items__1__sku": "b"},
        {"properties": {"total": 30, "items": [{"sku": "a"}, {"sku": "b"}], "a.b": 1}},
        {"properties__a.b": 1, "properties__coupon": None},
        {"properties__total": lambda total: isinstance(total, int) and total > 20},
    ],
)
def test_a_search_finds_what_is_as_expected(events: SegmentEvents, expected: dict[str, Any]) -> None:
    """By fields, within dicts and lists, by functions; None stands for nothing there."""
    (found,) = events.tracked("Order Completed", **expected)
    assert found["userId"] == "ilya"


def test_values_are_compared_as_they_are_sent(events: SegmentEvents) -> None:
    """A number is an id's text, a Decimal what it is encoded as."""
    assert len(events.tracked(user_id=7, properties__total=Decimal("9.90"))) == 1


def test_each_call_has_its_search(events: SegmentEvents) -> None:
    """Without a name, all of its kind; what was found is a sequence."""
    assert [message["userId"] for message in events.tracked()] == ["ilya", "7"]
    assert events.identified("ilya", traits__plan="free")
    assert events.paged("Cart")
    assert events.screened("Home")
    assert events.grouped("acme")
    assert events.aliased("v-1", user_id="ilya")
    assert len(events) == 7
    events.clear()
    assert not events.tracked()


def test_a_search_that_finds_nothing_says_what_is_nearest(events: SegmentEvents) -> None:
    """With the values that differ alone."""
    match = events.tracked("Order Completed", user_id="ilya", properties__total=31, properties__coupon="X")
    assert not match
    assert match.difference.splitlines() == [
        "no track with event='Order Completed', userId='ilya', properties.total=31, properties.coupon='X'",
        "the nearest of 2 has",
        "    properties.total: 30, not 31",
        "    properties.coupon: nothing, not 'X'",
    ]
    assert repr(match).startswith("<none: no track with event='Order Completed'")
    with recorded() as none:
        assert repr(none.tracked("Order Completed")) == "<none: no track at all>"


def test_a_report_shows_every_event(events: SegmentEvents) -> None:
    """A line each, with what it says; and what was found says so too, where a test expected less."""
    with segment.bound_context(ip="::1"), recorded() as few:
        segment.track("v-1", event="Clicked", properties={"n": 1})
    assert few.report().splitlines() == [
        "1 event:",
        "    track anonymousId='v-1' event='Clicked' properties={'n': 1} context={'ip': '::1'}",
    ]
    assert (
        repr(few.tracked())
        == "<1 found: track anonymousId='v-1' event='Clicked' properties={'n': 1} context={'ip': '::1'}>"
    )
    events.tracked("Nothing")
    assert events.report().startswith("7 events:\n    track ")
    assert events.report().endswith(events.difference)
    with recorded() as many:
        assert many.report() == "no event"
        for number in range(25):
            segment.track("v-1", event=str(number))
    assert many.report().endswith("    and 5 more")


@pytest.mark.parametrize(("name", "hint"), [("total", "properties__total"), ("userid", "'user_id'")])
def test_a_field_that_no_message_has_is_a_mistake(events: SegmentEvents, name: str, hint: str) -> None:
    """Above all where nothing is expected of it, which would always be so."""
    with pytest.raises(TypeError, match=hint):
        events.tracked("Order Completed", **{name: None})


def test_a_field_that_an_application_adds_may_be_looked_for() -> None:
    """As by before_send."""
    with recorded() as events, Client("key", before_send=lambda message: {**message, "channel": "server"}) as client:
        client.track("s", event="Clicked")
    assert events.tracked("Clicked", channel="server")


def test_every_client_is_recorded_and_has_its_delivery_back(make_client: Any) -> None:
    """Those of before, those that are made in the block, a disabled one; nested blocks end one after another."""
    before = make_client(enabled=False)
    with recorded() as events:
        made = make_client(enabled=False)
        assert before.track("s", event="before")
        assert made.track("s", event="made")
        assert made.flush()
        with disabled():
            assert not before.track("s", event="refused")
            assert not make_client(enabled=False).track("s", event="refused")
        assert before.track("s", event="again")
    assert not before.track("s", event="refused")
    assert not made.track("s", event="refused")
    assert [message["event"] for message in events] == ["before", "made", "again"]
    assert before.stats.dropped == 1


def test_what_a_pipeline_refuses_is_not_recorded() -> None:
    """A message that is too large, one that is not wanted; and a mistake is an error, as ever."""
    with recorded() as events, Client("key", before_send=lambda message: None, log=False) as client:
        assert not client.track("s", event="Unwanted")
        assert not segment.track("s", event="Large", properties={"text": "x" * 40_000})
        with pytest.raises(ValidationError):
            segment.track("s")
    assert len(events) == 0
