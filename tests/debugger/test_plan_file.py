"""A tracking plan's file: whoever wrote it, by hand or from Segment, each schema finds the messages it is meant for."""

from __future__ import annotations

import pytest

from segment_gevent.debugger.plan_file import PlanError, PlanFile, Rule

A, B = {"required": ["a"]}, {"required": ["b"]}


def segments(key: str | None, schema: object, kind: str = "TRACK", version: int = 1) -> dict[str, object]:
    """A rule as Segment's API shows it."""
    return {"type": kind, "key": key, "version": version, "jsonSchema": schema}


def test_a_schema_an_event_name_is_a_plan() -> None:
    """Each is for the properties of the event; what is not named is wrong."""
    plan = PlanFile.parse({"Order Completed": A, "Page Left": True})
    assert plan.rules == [
        Rule("track", "Order Completed", "properties", A),
        Rule("track", "Page Left", "properties", True),
    ]
    assert not plan.allows_unknown


def test_the_longer_form_has_traits_pages_and_definitions() -> None:
    """And says whether other events are fine; definitions that it has for all go into each schema."""
    written = {"events": {"A": A}, "identify": B, "page": {"$defs": {"x": True}}, "$defs": {"x": A}, "unknown": "allow"}
    plan = PlanFile.parse(written)
    assert plan.rules == [
        Rule("track", "A", "properties", {**A, "$defs": {"x": A}}),
        Rule("identify", None, "traits", {**B, "$defs": {"x": A}}),
        Rule("page", None, "properties", {"$defs": {"x": True}}),
    ]
    assert plan.allows_unknown


@pytest.mark.parametrize("wrapped", [lambda rules: {"data": {"rules": rules}}, lambda rules: {"rules": rules}, list])
def test_what_segments_api_answers_is_a_plan(wrapped: object) -> None:
    """As it came, or cut out of it; schemas are for whole messages, and of several versions the newest holds."""
    rules = [
        segments("A", A, version=2),
        segments("A", B),
        segments("Home", A, "PAGE"),
        segments(None, A, "IDENTIFY"),
        segments(None, B, "COMMON"),
    ]
    plan = PlanFile.parse(wrapped(rules))  # type: ignore[operator]
    assert {(rule.type, rule.name, rule.part): rule.schema for rule in plan.rules} == {
        ("track", "A", None): A,
        ("page", "Home", None): A,
        ("identify", None, None): A,
        ("common", None, None): B,
    }


def test_segments_older_form_is_a_plan() -> None:
    """As files of it are still about, with events, identify and group apart."""
    plan = PlanFile.parse(
        {"name": "Ours", "rules": {"events": [{"name": "A", "rules": A}], "identify": B, "group": {}}}
    )
    assert plan.rules == [Rule("track", "A", None, A), Rule("identify", None, None, B)]


def test_an_event_may_be_called_as_it_likes() -> None:
    """What is no plan of Segment's, and has more beside "events", is a plan of those names."""
    plan = PlanFile.parse({"rules": A, "data": B, "events": A, "Order Completed": A})
    assert {rule.name for rule in plan.rules} == {"rules", "data", "events", "Order Completed"}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("plan", "a JSON object, not str"),
        ({}, "no rule"),
        ([], "no rule"),
        ({"events": [A]}, "events is an object, not list"),
        ({"events": {"A": A}, "unknown": "ignore"}, "unknown is forbid or allow, not 'ignore'"),
        ({"events": {"A": A}, "$defs": 7}, r"\$defs is an object, not int"),
        ([segments("A", A, "TRACKS")], "'A' is not known: 'TRACKS'"),
        ([segments(None, A)], "names its event, and is no NoneType"),
        ([{"type": "TRACK", "key": "A"}], "'A' has no jsonSchema"),
        ([7], "a rule is an object, not int"),
        ({"rules": {"events": [{"name": "A"}]}}, "name and rules, not name"),
    ],
)
def test_what_is_no_plan_is_said(written: object, words: str) -> None:
    """In words that name the part."""
    with pytest.raises(PlanError, match=words):
        PlanFile.parse(written)
