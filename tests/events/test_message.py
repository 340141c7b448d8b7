"""Messages: what each call checks and sends, and the rules for ids."""

import json
import sys
import threading
import tracemalloc
from collections import UserDict
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from types import MappingProxyType
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_gevent.errors import ValidationError
from segment_gevent.events.encoding import LEVELS
from segment_gevent.events.message import (
    LIBRARY,
    MESSAGE_ID_LIMIT,
    MessageIds,
    alias,
    group,
    identify,
    page,
    screen,
    seal,
    track,
)
from segment_gevent.events.problems import problems

NOW = 1795447180.388  # 2026-11-23T15:19:40.388Z
NOW_TEXT = "2026-11-23T15:19:40.388Z"


def sealed(fields, context=None, timestamp=None, integrations=None, message_id=None, now=NOW):
    return json.loads(seal(fields, context, timestamp, integrations, message_id, new_id="new-0", now=now))


def sent_time(timestamp, now=NOW):
    return sealed(track("s", None, "Event", None), timestamp=timestamp, now=now)["timestamp"]


ENDING = {"messageId": "new-0", "timestamp": NOW_TEXT, "context": {"library": LIBRARY}}

CALLS = [
    (lambda: identify("s", "u", {"plan": "Free"}), {"type": "identify", "traits": {"plan": "Free"}}),
    (lambda: identify("s", "u", None), {"type": "identify", "traits": {}}),
    (
        lambda: track("s", "u", "Played a Song", {"Artist": "The Beatles"}),
        {"type": "track", "event": "Played a Song", "properties": {"Artist": "The Beatles"}},
    ),
    (
        lambda: page("s", "u", "Home", {"url": "/"}, "Docs"),
        {
            "type": "page",
            "name": "Home",
            "category": "Docs",
            "properties": {"url": "/", "name": "Home", "category": "Docs"},
        },
    ),
    (lambda: page("s", "u", None, None, None), {"type": "page", "properties": {}}),
    (lambda: screen("s", "u", "Home", None, None), {"type": "screen", "name": "Home", "properties": {"name": "Home"}}),
    (lambda: group("s", "u", 7, {"seats": 3}), {"type": "group", "groupId": "7", "traits": {"seats": 3}}),
]


@pytest.mark.parametrize(("call", "expected"), CALLS)
def test_each_call_becomes_its_message(call, expected):
    """With both ids, and what all messages end on."""
    assert sealed(call()) == {**expected, "anonymousId": "s", "userId": "u", **ENDING}


def test_alias_joins_two_ids():
    """It has no anonymousId."""
    assert sealed(alias("old", 7)) == {"type": "alias", "previousId": "old", "userId": "7", **ENDING}


class Tier(str, Enum):
    GOLD = "gold"


class Number(IntEnum):
    SEVEN = 7


@pytest.mark.parametrize(
    ("given_id", "sent"),
    [
        ("ilya@segment.io", "ilya@segment.io"),
        (0, "0"),
        (-7, "-7"),
        (2**70, str(2**70)),
        (1.5, "1.5"),
        (Decimal("12345678901234567"), "12345678901234567"),
        (Fraction(1, 2), "1/2"),
        (np.int64(7), "7"),
        (np.float64(1.5), "1.5"),
        (np.str_("u"), "u"),
        (Tier.GOLD, "gold"),
        (Number.SEVEN, "7"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("\ud800", "\ufffd"),
    ],
)
def test_ids_are_sent_as_strings(given_id, sent):
    """Whatever kind of id an application has, it is the same string in every call."""
    assert sealed(track(given_id, None, "E", None))["anonymousId"] == sent
    assert sealed(identify(None, given_id, None))["userId"] == sent
    assert sealed(group(None, "u", given_id, None))["groupId"] == sent
    assert sealed(alias(given_id, given_id))["previousId"] == sent


WRONG_IDS = [
    True,
    False,
    float("nan"),
    float("inf"),
    Decimal("NaN"),
    Decimal("Infinity"),
    np.bool_(True),
    np.float64("nan"),
]
WRONG_IDS += [1j, b"u", ["u"], {"u": 1}, object(), date(2026, 1, 1)]


@pytest.mark.parametrize("wrong", WRONG_IDS, ids=lambda value: f"{type(value).__name__}:{value!s:.9}")
def test_other_ids_are_refused(wrong):
    """With the argument and the type in the text."""
    for argument, call in {
        "session_id": lambda: track(wrong, "u", "E", None),
        "user_id": lambda: identify("s", wrong, None),
        "group_id": lambda: group("s", "u", wrong, None),
        "previous_id": lambda: alias(wrong, "u"),
    }.items():
        with pytest.raises(ValidationError, match=rf"{argument} .*\b{type(wrong).__name__}\b"):
            call()


def test_an_id_that_has_no_text_is_refused():
    """Python does not write out integers of thousands of digits."""
    with pytest.raises(ValidationError, match="user_id of type int has no text") as caught:
        identify(None, 10**5000, None)
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("empty", [None, ""])
def test_one_of_the_two_ids_is_required(empty):
    """An empty string is an id that was not given; which of the two is there does not matter."""
    assert "anonymousId" not in sealed(track(empty, "u", "E", None))
    assert "userId" not in sealed(track("s", empty, "E", None))
    for call in (
        lambda: identify(empty, empty, None),
        lambda: track(empty, empty, "E", None),
        lambda: page(empty, empty, None, None, None),
        lambda: screen(empty, empty, None, None, None),
        lambda: group(empty, empty, "g", None),
    ):
        with pytest.raises(ValidationError, match="needs a session_id or a user_id"):
            call()


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("group_id", lambda empty: group("s", "u", empty, None)),
        ("previous_id", lambda empty: alias(empty, "u")),
        ("user_id", lambda empty: alias("old", empty)),
    ],
)
@pytest.mark.parametrize("empty", [None, ""])
def test_required_ids(argument, call, empty):
    """`group` needs its group, `alias` both of its ids."""
    with pytest.raises(ValidationError, match=f"{argument} is required"):
        call(empty)


@pytest.mark.parametrize(
    "arguments", [("user", "Event", {"a": 1}, None), ("user", "Event", None, None), ("user", "Event", None, {})]
)
def test_the_official_clients_order_is_told_apart(arguments):
    """`track(user_id, event, properties)` names the order that holds here, and so does a dict in the place of an id."""
    with pytest.raises(ValidationError, match="the order here is session_id, user_id, event, properties"):
        track(*arguments)
    with pytest.raises(ValidationError, match=r"user_id .*dict; the order here is session_id, user_id"):
        identify("user", {"plan": "Free"}, None)


@pytest.mark.parametrize("event", [None, "", 7, b"Event", ["Event"]])
def test_an_event_is_a_non_empty_string(event):
    """The text names the argument and, where there is one, the type."""
    with pytest.raises(
        ValidationError, match="event is required" if event is None else rf"event .*\b{type(event).__name__};"
    ):
        track("s", "u", event, None)


def test_an_event_may_be_a_member_of_a_str_enum():
    """It is sent as its value."""
    assert sealed(track("s", "u", Tier.GOLD, None))["event"] == "gold"


@pytest.mark.parametrize("view", [page, screen])
@pytest.mark.parametrize("argument", ["name", "category"])
def test_names_and_categories_are_strings(view, argument):
    """Of pages and screens alike."""
    with pytest.raises(ValidationError, match=f"{argument} must be a string, not int"):
        view("s", "u", **{"name": None, "category": None, argument: 7}, properties=None)


class Broken(Mapping):
    def __getitem__(self, key):
        raise RuntimeError("no connection")

    __iter__ = __len__ = __getitem__


class Proxy(UserDict):
    """As a framework's proxies of request data, it says that it is a dict."""

    __class__ = dict


def sealed_with(argument, value):
    calls = {
        "page": lambda: sealed(page("s", "u", "Home", value, None))["properties"],
        "traits": lambda: sealed(identify("s", "u", value))["traits"],
        "properties": lambda: sealed(track("s", "u", "E", value))["properties"],
        "context": lambda: sealed(track("s", "u", "E", None), context=value)["context"],
        "integrations": lambda: sealed(track("s", "u", "E", None), integrations=value)["integrations"],
    }
    return calls[argument]()


@pytest.mark.parametrize("argument", ["traits", "properties", "page", "context", "integrations"])
def test_mappings_are_taken_and_all_else_refused(argument):
    """A dict, another mapping or None; a mapping that cannot be read is the caller's mistake, like a list."""
    named = "properties" if argument == "page" else argument
    for mapping in ({"a": {1}}, UserDict(a={1}), MappingProxyType({"a": {1}}), Proxy(a={1})):
        assert sealed_with(argument, mapping)["a"] == [1]
    for wrong in ([("a", 1)], "a", 7):
        with pytest.raises(ValidationError, match=f"{named} must be a mapping.*, not {type(wrong).__name__}"):
            sealed_with(argument, wrong)
    with pytest.raises(ValidationError, match=f"{named} of type Broken cannot be read") as caught:
        sealed_with(argument, Broken())
    assert isinstance(caught.value.__cause__, Exception)


def test_the_callers_objects_are_left_alone():
    """Neither a page's name nor the library goes into a dict of the application."""
    properties, context, integrations = {"url": "/"}, {"ip": "10.0.0.1"}, {"All": False}
    sealed(page("s", "u", "Home", properties, "Docs"), context=context, integrations=integrations)
    assert (properties, context, integrations) == ({"url": "/"}, {"ip": "10.0.0.1"}, {"All": False})


def test_the_callers_context_goes_over_the_default():
    """The library is there unless the caller says another."""
    fields = track("s", "u", "E", None)
    assert sealed(fields, context={"ip": "10.0.0.1"})["context"] == {"library": LIBRARY, "ip": "10.0.0.1"}
    assert sealed(fields, context={"library": {"name": "mine"}})["context"] == {"library": {"name": "mine"}}


def test_integrations_are_left_out_when_not_given():
    """An empty dict is given."""
    assert "integrations" not in sealed(track("s", "u", "E", None))
    assert sealed(track("s", "u", "E", None), integrations={})["integrations"] == {}


@pytest.mark.parametrize("argument", ["traits", "properties", "context", "integrations"])
@pytest.mark.parametrize("levels", [LEVELS, LEVELS + 1])
def test_levels_are_counted_from_what_the_caller_passed(argument, levels):
    """Its dict is the first, in every argument."""
    value = "bottom"
    for _ in range(levels):
        value = {"a": value}
    found = sealed_with(argument, value)
    for _ in range(LEVELS):
        found = found["a"]
    assert found == ("bottom" if levels == LEVELS else None)


# Message ids.


@pytest.mark.parametrize("message_id", ["m", "é" * (MESSAGE_ID_LIMIT - 1)])
def test_a_message_id_of_ones_own(message_id):
    """Up to 99 characters, whatever their bytes."""
    assert sealed(track("s", "u", "E", None), message_id=message_id)["messageId"] == message_id


@pytest.mark.parametrize("message_id", ["", 7, b"m", UUID(int=1)])
def test_other_message_ids_are_refused(message_id):
    """The API drops messages with longer ids; an id of another type is a mistake."""
    with pytest.raises(ValidationError, match=f"message_id .*{type(message_id).__name__}"):
        sealed(track("s", "u", "E", None), message_id=message_id)


def test_a_message_id_that_is_too_long_is_told_its_length():
    """Its type is not what is wrong."""
    with pytest.raises(ValidationError, match=rf"under {MESSAGE_ID_LIMIT} characters, not {MESSAGE_ID_LIMIT}$"):
        sealed(track("s", "u", "E", None), message_id="m" * MESSAGE_ID_LIMIT)


def test_a_message_is_whole_or_not_at_all():
    """However little stack its caller left."""

    def at(depth):
        if depth:
            return at(depth - 1)
        return seal(track("s", "u", "E", {1: {2: 3}}), None, None, None, None, new_id="n", now=NOW)

    all_sealed = []
    for depth in range(sys.getrecursionlimit()):
        with suppress(RecursionError):
            all_sealed.append(at(depth))
    assert len(all_sealed) > 100
    assert all(json.loads(each)["context"] for each in all_sealed)


def test_ids_are_unique_across_native_threads():
    """Four threads that count at once never get the same id."""
    ids = MessageIds("prefix")
    found = []
    threads = [threading.Thread(target=lambda: found.extend([ids.next() for _ in range(5_000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == len(found) == 20_000
    assert all(text.startswith("prefix-") for text in found)


def test_a_prefix_leaves_room_to_count():
    """An id stays under the limit for as long as a process can count."""
    assert len(MessageIds("p" * 76).next()) + 19 < MESSAGE_ID_LIMIT
    with pytest.raises(ValueError, match="77 characters"):
        MessageIds("p" * 77)


# The encoded message.


def test_a_message_is_stamped_at_the_call():
    """In UTC with milliseconds."""
    assert sent_time(None) == NOW_TEXT


def test_a_sealed_message_holds_no_more_memory_than_its_length():
    """orjson's own result would keep a block of 1 to 4 KB alive for each waiting message."""

    def make():
        fields = track("session", "user", "Played a Song", {"Artist": "The Beatles", "text": "x" * 300})
        return seal(fields, None, None, None, None, new_id="new-0", now=NOW)

    make()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        waiting = [make() for _ in range(1_000)]
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    overhead = sys.getsizeof(b"") + 8 + 16  # the object, its place in the list, and the allocator's rounding
    assert held / 1_000 < len(waiting[0]) + overhead


texts = st.text(min_size=1)
bags = st.none() | st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text())
some_ids = st.one_of(texts, st.integers(), st.uuids())
built = st.one_of(
    st.builds(identify, some_ids, st.none(), bags),
    st.builds(track, st.none(), some_ids, texts, bags),
    st.builds(page, some_ids, some_ids, st.none() | st.text(), bags, st.none() | st.text()),
    st.builds(screen, some_ids, some_ids, st.none() | st.text(), bags, st.none() | st.text()),
    st.builds(group, some_ids, some_ids, some_ids, bags),
    st.builds(alias, some_ids, some_ids),
)


@given(built, bags, st.none() | st.datetimes(timezones=st.none()), bags, st.none() | st.text(min_size=1, max_size=99))
def test_what_we_send_is_a_valid_message(fields, context, timestamp, integrations, message_id):
    """Whatever the calls accept, the strict verdict on it is that nothing is wrong, and its length is its size."""
    context = {key: value for key, value in (context or {}).items() if key != "library"}
    data = seal(fields, context, timestamp, integrations, message_id, new_id="new-0", now=NOW)
    assert problems(json.loads(data), strict=True) == []
    assert sys.getsizeof(data) == sys.getsizeof(b"") + len(data)
