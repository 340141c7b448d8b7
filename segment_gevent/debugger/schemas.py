"""JSON Schemas of what the local Segment takes and answers, and its parameters. `openapi.py` puts them together.

Those of answers name every field and allow no other: a test holds real answers against them.
"""

from __future__ import annotations

from segment_gevent.debugger.faults import MAX_DELAY, MAX_FAULTS, MAX_TIMES
from segment_gevent.debugger.query import DEFAULT_LIMIT
from segment_gevent.debugger.routes import Parameter
from segment_gevent.debugger.state import MAX_WAIT
from segment_gevent.events.batch import BATCH_MESSAGES
from segment_gevent.events.message import MESSAGE_ID_LIMIT, TYPES

Schema = dict[str, object]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
TEXTS: Schema = {"type": "array", "items": TEXT}
COUNTS: Schema = {"type": "object", "additionalProperties": COUNT}
OBJECT: Schema = {"type": "object"}


def ref(name: str) -> Schema:
    """A reference to one of the schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(name: str) -> Schema:
    return {"type": "array", "items": ref(name)}


def _closed(**properties: Schema) -> Schema:
    """An object of exactly these fields."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _said(schema: Schema, words: str) -> Schema:
    return {**schema, "description": words}


_HEAD = {"total": COUNT, "valid": COUNT, "invalid": COUNT, "duplicates": COUNT, "requests": COUNT}

ANSWERS: dict[str, Schema] = {
    "Event": _closed(
        id=_said(COUNT, "In the order of arrival."),
        message=_said({}, "As it came, with the batch's context and integrations under its own."),
        valid=FLAG,
        problems=_said(TEXTS, "What is wrong with it, in words."),
        duplicate=_said(FLAG, "An event with this messageId had arrived before."),
        receivedAt=TIME,
        batch=_said(COUNT, "The number of the request that carried it."),
        retry=_said(COUNT, "X-Retry-Count of that request."),
    ),
    "Events": _closed(events=_list("Event"), total=_said(COUNT, "How many pass the filters.")),
    "Change": _said(
        _closed(
            last=_said(COUNT, "The id of the newest event."),
            matched=_said(COUNT, "How many of those since the last frame pass the filters."),
            kept=_said(COUNT, "How many events are remembered."),
            events=_said(_list("Event"), "The newest of them, 50 at most."),
            summary=_closed(**_HEAD),
            seconds=_said(
                {"type": "object", "additionalProperties": COUNTS}, "Events by type, by the unix second of arrival."
            ),
            types=COUNTS,
            faults=_said(COUNT, "How many faults wait."),
            held=_said(COUNT, "How many answers a fault holds."),
        ),
        "The data of a frame named `change`.",
    ),
    "Summary": _closed(**_HEAD, byType=COUNTS, byEvent=COUNTS),
    "Name": _closed(
        type=TEXT,
        event=TEXT,
        count=COUNT,
        invalid=COUNT,
        firstSeen=TIME,
        lastSeen=TIME,
        properties=_said(
            {"type": "object", "additionalProperties": COUNTS}, "How often each property came, by its type."
        ),
    ),
    "Names": _closed(names=_list("Name")),
    "Person": _closed(ids=TEXTS, events=_list("Event"), total=COUNT),
    "Request": _closed(
        number=COUNT,
        method=TEXT,
        path=TEXT,
        headers={"type": "object", "additionalProperties": TEXT},
        receivedAt=TIME,
        status=_said(_or_null(COUNT), "null until it is answered, and where it never was."),
        duration=_said(_or_null({"type": "number", "minimum": 0}), "Seconds from its headers to the answer."),
        client=_or_null(TEXT),
        encoding=_or_null(TEXT),
        size=_said(COUNT, "Bytes as sent."),
        inflated=_said(COUNT, "Bytes of JSON."),
        count=_said(COUNT, "How many messages it carried."),
        retryCount=COUNT,
        sentAt=_or_null(TEXT),
        problems=TEXTS,
        fault=_or_null(ref("Fault")),
    ),
    "Requests": _closed(requests=_list("Request"), total=COUNT, kept=_said(COUNT, "How many are remembered.")),
    "Waited": _closed(reached=FLAG, count=COUNT, requests=COUNT, held=COUNT),
    "About": _closed(version=TEXT, strict=FLAG, plan=FLAG, db=_or_null(TEXT), capacity=COUNT, writable=FLAG),
    "Waiting": _closed(waiting=COUNT),
    "Released": _closed(released=COUNT),
    "Description": _said(OBJECT, "This document."),
    "Error": _closed(error=_said(TEXT, "What is not understood, in words.")),
    "Taken": _closed(success={"const": True}),
    "Refused": _closed(success={"const": False}, error=TEXT, problems=_said(TEXTS, "The first twenty.")),
}

ASKED: dict[str, Schema] = {
    "Fault": {
        "type": "object",
        "properties": {
            "status": _said(
                {"type": "integer", "minimum": 200, "maximum": 599},
                "Answer with this; below 200 and from 300 on the messages are not taken.",
            ),
            "headers": _said({"type": "object", "additionalProperties": TEXT}, "Added to the answer."),
            "delay": _said({"type": "number", "minimum": 0, "maximum": MAX_DELAY}, "Seconds before the answer."),
            "hold": _said(FLAG, "Take the messages, and answer at POST /_/release."),
            "drop": _said({"enum": ["before", "after"]}, "End the connection, before or after the messages are taken."),
            "times": _said(
                _or_null({"type": "integer", "minimum": 1, "maximum": MAX_TIMES}),
                "So many requests, 1 unless given; null: until it is removed.",
            ),
            "share": _said({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "This share of the requests."),
        },
        "additionalProperties": False,
    },
    "Faults": _said({**_list("Fault"), "maxItems": MAX_FAULTS}, "The first is used up by the next request."),
    "Message": {
        "type": "object",
        "properties": {
            "type": {"enum": [*TYPES]},
            "messageId": {"type": "string", "minLength": 1, "maxLength": MESSAGE_ID_LIMIT - 1},
            "timestamp": TIME,
            "userId": TEXT,
            "anonymousId": TEXT,
            "previousId": _said(TEXT, "alias needs it."),
            "groupId": _said(TEXT, "group needs it."),
            "event": _said(TEXT, "track needs it."),
            "name": TEXT,
            "category": TEXT,
            "properties": OBJECT,
            "traits": OBJECT,
            "context": OBJECT,
            "integrations": OBJECT,
        },
    },
    "Call": _said(
        {"allOf": [ref("Message"), {"type": "object", "properties": {"writeKey": TEXT, "sentAt": TIME}}]},
        "One message; its type is that of the path.",
    ),
    "Batch": {
        "type": "object",
        "properties": {
            "batch": {**_list("Message"), "minItems": 1, "maxItems": BATCH_MESSAGES},
            "sentAt": TIME,
            "writeKey": TEXT,
            "context": _said(OBJECT, "Goes under that of each message; so do the integrations."),
            "integrations": OBJECT,
        },
        "required": ["batch"],
    },
}

LIMIT = Parameter("limit", {**COUNT, "default": DEFAULT_LIMIT}, "At most so many.")
OFFSET = Parameter("offset", {**COUNT, "default": 0}, "After so many.")
FILTERS = (
    Parameter("type", TEXT, f"Of these types, with commas between: {', '.join(TYPES)}."),
    Parameter("event", TEXT, "Of this name: what was tracked, or the page or screen."),
    Parameter("user", TEXT, "Of this userId, anonymousId or previousId."),
    Parameter("valid", FLAG, "With nothing wrong, or with something."),
    Parameter("duplicate", FLAG, "Which had arrived before, or had not."),
    Parameter("text", TEXT, "With this anywhere in their JSON, in any case."),
    Parameter("since", TIME, "Received at this moment or later."),
    Parameter("until", TIME, "Received before this moment."),
    Parameter("after", COUNT, "With an id over this."),
    Parameter("upto", COUNT, "With at most this id."),
    Parameter("batch", COUNT, "Which this request carried."),
    LIMIT,
    OFFSET,
    Parameter("order", {"enum": ["newest", "oldest"], "default": "newest"}, "Which come first."),
)
ID = Parameter("id", TEXT, "A userId or anonymousId of theirs.", required=True)
NUMBER = Parameter("number", COUNT, "The request of this number.")
UPTO = Parameter("upto", COUNT, "With at most this number.")
UNTIL = (
    Parameter("count", COUNT, "So many distinct messages came."),
    Parameter("requests", COUNT, "So many requests came."),
    Parameter("held", COUNT, "So many answers are held back by a fault."),
    Parameter("timeout", {"type": "number", "minimum": 0, "default": 10}, f"Seconds, at most {MAX_WAIT:g}."),
)
