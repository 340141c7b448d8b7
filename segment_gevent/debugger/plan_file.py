"""A tracking plan as JSON, in each form that it may have: which schema is meant for which messages. Pure.

Written by hand it is a schema an event name, or that under "events" with more beside it. What Segment's own API answers
about a tracking plan is taken too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from segment_gevent.events.message import TYPES

UNKNOWN_WORDS = ("forbid", "allow")
EVERY_MESSAGE = "common"
# What each call is about: a schema written by hand is for this part of the message, and Segment's for the whole.
_PARTS = {"identify": "traits", "group": "traits", "page": "properties", "screen": "properties"}
_WRITTEN = ("events", *_PARTS, "unknown", "$defs")
_SEGMENTS_OLD = ("events", "global", "identify", "group")


class PlanError(ValueError):
    """A plan that is not understood; the text names the event and says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One schema: for messages of a type (or `EVERY_MESSAGE`), maybe of a name; for a part of them or the whole."""

    type: str
    name: str | None
    part: str | None
    schema: object
    version: float = 0

    @property
    def called(self) -> str:
        """What it is for, in words."""
        if self.name is None:
            return self.type
        return f"the event {self.name!r}" if self.type == "track" else f"the {self.type} {self.name!r}"


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What a file says: its rules, and whether an event that none of them names is fine."""

    rules: list[Rule]
    allows_unknown: bool

    @classmethod
    def parse(cls, value: object) -> PlanFile:
        """Read a decoded plan.

        Raises:
            PlanError: it has none of the forms.
        """
        value = {"rules": value} if isinstance(value, list) else value
        if not isinstance(value, dict):
            raise PlanError(f"a plan is a JSON object, not {type(value).__name__}")
        unknown = value.get("unknown", UNKNOWN_WORDS[0]) if _is_whole(value) else UNKNOWN_WORDS[0]
        if unknown not in UNKNOWN_WORDS:
            raise PlanError(f"unknown is {' or '.join(UNKNOWN_WORDS)}, not {unknown!r}")
        rules = list(_rules(value))
        if not rules:
            raise PlanError("it has no rule")
        return cls(rules, unknown == "allow")


def _is_whole(plan: Mapping[str, object]) -> bool:
    """True for all but a bare mapping of event names."""
    return _segments(plan) is not None or ("events" in plan and not plan.keys() - {*_WRITTEN})


def _rules(plan: Mapping[str, object]) -> Iterator[Rule]:
    segments = _segments(plan)
    if segments is not None:
        yield from _segment_rules(segments)
    elif not _is_whole(plan):
        yield from _named(plan, {})
    else:
        shared = _object(plan.get("$defs", {}), "$defs")
        yield from _named(_object(plan["events"], "events"), shared)
        for kind, part in _PARTS.items():
            if kind in plan:
                yield Rule(kind, None, part, _with(plan[kind], shared))


def _named(events: Mapping[str, object], shared: Mapping[str, object]) -> Iterator[Rule]:
    for name, schema in events.items():
        yield Rule("track", name, "properties", _with(schema, shared))


def _with(schema: object, shared: Mapping[str, object]) -> object:
    """The schema with the definitions that the plan has for all."""
    if not shared or not isinstance(schema, dict):
        return schema
    return {**schema, "$defs": {**shared, **_object(schema.get("$defs", {}), "$defs")}}


def _segments(plan: Mapping[str, object]) -> object | None:
    """The rules of a plan of Segment's: under "data" where its API answered, a list, or in older ones an object."""
    data = plan.get("data")
    rules = (data if isinstance(data, dict) else plan).get("rules")
    if isinstance(rules, dict):
        return rules if rules.keys() & {*_SEGMENTS_OLD} else None
    return rules if isinstance(rules, list) else None


def _segment_rules(rules: object) -> Iterator[Rule]:
    if isinstance(rules, list):
        found = [_segment_rule(_object(rule, "a rule")) for rule in rules]
    else:
        found = list(_old_segment_rules(_object(rules, "rules")))
    # Of an event with several versions the newest holds.
    yield from {(rule.type, rule.name): rule for rule in sorted(found, key=lambda rule: rule.version)}.values()


def _segment_rule(rule: Mapping[str, object]) -> Rule:
    kind, name = str(rule.get("type", "track")).lower(), rule.get("key")
    if kind not in (*TYPES, EVERY_MESSAGE):
        raise PlanError(f"type of the rule {name!r} is not known: {rule.get('type')!r}")
    if not isinstance(name, str | None) or (kind == "track" and not name):
        raise PlanError(f"key of a rule names its event, and is no {type(name).__name__}: {name!r}")
    if "jsonSchema" not in rule:
        raise PlanError(f"the rule {name!r} has no jsonSchema")
    named = name if kind in ("track", "page", "screen") and name else None
    return Rule(kind, named, None, rule["jsonSchema"], _version(rule))


def _old_segment_rules(rules: Mapping[str, object]) -> Iterator[Rule]:
    events = rules.get("events", [])
    for rule in events if isinstance(events, list) else []:
        event = _object(rule, "an event")
        if not isinstance(event.get("name"), str) or "rules" not in event:
            raise PlanError(f"an event of Segment's has name and rules, not {', '.join(event)}")
        yield Rule("track", str(event["name"]), None, event["rules"], _version(event))
    for key, kind in {"global": EVERY_MESSAGE, "identify": "identify", "group": "group"}.items():
        if rules.get(key):
            yield Rule(kind, None, None, rules[key])


def _version(rule: Mapping[str, object]) -> float:
    version = rule.get("version", 0)
    return version if isinstance(version, int | float) else 0


def _object(value: object, called: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise PlanError(f"{called} is an object, not {type(value).__name__}")
    return value
