"""The verdict on messages made elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_gevent.events.message import TYPES
from segment_gevent.events.problems import problems

NOW_TEXT = "2026-11-23T15:19:40.388Z"


def valid(**changes):
    message = {
        "type": "track",
        "userId": "u",
        "event": "E",
        "properties": {},
        "messageId": "m",
        "timestamp": NOW_TEXT,
        "context": {"library": {"name": "analytics-node", "version": "3.1.0"}},
    }
    message.update(changes)
    return {field: value for field, value in message.items() if value is not ...}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    "message",
    [
        valid(),
        valid(anonymousId=None, integrations=None, category=None),
        valid(userId=..., anonymousId="s", extra={"our": "own"}, writeKey="key"),
        valid(type="identify", event=..., properties=..., traits={}),
        valid(type="alias", previousId="old", event=...),
        valid(type="group", groupId="g", event=...),
        valid(type="page", name="Home", category="Docs", event=...),
        valid(messageId="m" * 99),
        valid(timestamp="2026-11-23T15:19:40+00:00"),
        valid(timestamp="2026-11-23T15:19:40.388123-0530"),
        valid(timestamp="2026-11-23 15:19Z"),
    ],
)
def test_valid_messages_of_any_library(message, strict):
    """Fields that are null or not of the API do no harm."""
    assert problems(message, strict=strict) == []


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ([], ["a message must be an object, not an array"]),
        (None, ["a message must be an object, not null"]),
        (
            valid(type=...),
            [
                "type is missing",
            ],
        ),
        (valid(type="click"), [f"type must be one of {', '.join(TYPES)}"]),
        (valid(type=["track"]), [f"type must be one of {', '.join(TYPES)}"]),
        (valid(userId=...), ["userId or anonymousId is missing"]),
        (valid(userId="", anonymousId=None), ["userId or anonymousId is missing"]),
        (valid(userId=7), ["userId must be a string, not a number"]),
        (valid(userId=True), ["userId must be a string, not a boolean"]),
        (valid(event=...), ["event is missing"]),
        (valid(event=""), ["event is empty"]),
        (valid(event=["E"]), ["event must be a string, not an array"]),
        (valid(properties=[]), ["properties must be an object, not an array"]),
        (valid(integrations="all"), ["integrations must be an object, not a string"]),
        (valid(type="group"), ["groupId is missing"]),
        (valid(type="alias", userId=...), ["userId is missing", "previousId is missing"]),
        (valid(type="page", name=7), ["name must be a string, not a number"]),
        (valid(messageId=""), ["messageId is empty"]),
        (valid(messageId="m" * 100), ["messageId must be under 100 characters, not 100"]),
        (valid(messageId=7), ["messageId must be a string, not a number"]),
        (valid(timestamp=1795447180.388), ["timestamp must be an ISO 8601 time such as 2026-11-23T15:19:40.388Z"]),
        (valid(timestamp="yesterday"), ["timestamp must be an ISO 8601 time such as 2026-11-23T15:19:40.388Z"]),
        (valid(timestamp="2026-11-23T15:19:40"), ["timestamp has no time zone"]),
        (valid(timestamp="2026-11-23"), ["timestamp has no time zone"]),
        (valid(timestamp="2026-13-23T15:19:40Z"), ["timestamp does not exist: month must be in 1..12"]),
    ],
)
def test_what_is_wrong_is_said_in_words(message, expected):
    """One sentence a mistake, naming the field."""
    assert problems(message) == expected


def test_what_every_library_sends_is_missed_when_strict():
    """The API itself does without."""
    bare = {"type": "track", "anonymousId": "s", "event": "E"}
    assert problems(bare) == []
    assert problems(bare, strict=True) == ["messageId is missing", "timestamp is missing", "context.library is missing"]
    assert problems(valid(context={"library": {"name": "x"}}), strict=True) == ["context.library.version is missing"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from([*sorted(valid()), "anonymousId", "groupId", "previousId", "name", "traits"]), json_values
    )
)
def test_any_json_gets_a_verdict(message):
    """Never an exception, and at least the word that the type is wrong."""
    assert any("type" in text for text in problems(message, strict=True))
