"""Messages: what each call checks and sends, the rules for ids and timestamps, the verdict on those made elsewhere."""

import json
import math
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import UserDict
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from types import MappingProxyType
from uuid import UUID

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segment_gevent.errors import ValidationError
from segment_gevent.events.encoding import LEVELS
from segment_gevent.events.message import (
    LIBRARY,
    MESSAGE_ID_LIMIT,
    TYPES,
    MessageIds,
    alias,
    group,
    identify,
    page,
    problems,
    screen,
    seal,
    stamp,
    track,
)

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


@pytest.mark.parametrize("wrong", WRONG_IDS, ids=repr)
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


@pytest.mark.parametrize("message_id", ["", "m" * MESSAGE_ID_LIMIT, 7, b"m", UUID(int=1)])
def test_other_message_ids_are_refused(message_id):
    """The API drops messages with longer ids; an id of another type is a mistake."""
    with pytest.raises(ValidationError, match=f"message_id .*{type(message_id).__name__}"):
        sealed(track("s", "u", "E", None), message_id=message_id)


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


# Timestamps.


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kolkata"])
def local_zone(request, monkeypatch):
    """The process in another time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_a_message_is_stamped_at_the_call():
    """In UTC with milliseconds."""
    assert sent_time(None) == NOW_TEXT


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (0.0006, "1970-01-01T00:00:00.001Z"),
        (NOW, NOW_TEXT),
        (1795447180.9996, "2026-11-23T15:19:41.000Z"),
        (-62135596800, "0001-01-01T00:00:00.000Z"),
        (253402300799.999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_stamps_have_24_characters(seconds, text):
    """Whatever the year; milliseconds are rounded, over the second too."""
    assert stamp(seconds) == text


@given(st.datetimes(datetime(1971, 1, 1), datetime(9990, 1, 1)))
def test_stamp_says_what_datetime_says(moment):
    """The kept second changes nothing."""
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=timezone.utc)
    assert stamp(moment.timestamp()) == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("timestamp", "text"),
    [
        (datetime(2026, 11, 23, 15, 19, 40, 388999, timezone.utc), NOW_TEXT),
        (datetime(2026, 11, 23, 10, 19, 40, 388000, timezone(timedelta(hours=-5))), NOW_TEXT),
        (datetime(2012, 5, 8, 23, 41, 54), "2012-05-08T23:41:54.000Z"),
        (date(2026, 11, 23), "2026-11-23T00:00:00.000Z"),
        (date(1, 1, 1), "0001-01-01T00:00:00.000Z"),
        (datetime(1, 1, 1), "0001-01-01T00:00:00.000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999999), "9999-12-31T23:59:59.999Z"),
        ("2010-05-08T23:41:54.000Z", "2010-05-08T23:41:54.000Z"),
        ("2010-05-08T23:41:54", "2010-05-08T23:41:54.000Z"),
        ("2010-05-08T23:41:54.1239+02:00", "2010-05-08T21:41:54.123Z"),
        ("8 May 2010 11:41 pm UTC", "2010-05-08T23:41:00.000Z"),
        ("2010-05-08", "2010-05-08T00:00:00.000Z"),
        (np.str_("2010-05-08"), "2010-05-08T00:00:00.000Z"),
    ],
)
def test_what_a_timestamp_may_be(timestamp, text, local_zone):
    """An instant is the same in whatever zone the process runs."""
    assert sent_time(timestamp) == text


@pytest.mark.parametrize("off", [timedelta(0), timedelta(seconds=5), timedelta(seconds=-5), timedelta(seconds=2)])
def test_a_naive_datetime_around_now_is_local_time(off, local_zone):
    """`datetime.now()` means now, as a datetime and as a string, up to five seconds either side."""
    moment = datetime.fromtimestamp(NOW) + off
    expected = stamp(NOW + off.total_seconds())
    assert sent_time(moment) == sent_time(moment.isoformat()) == expected


@pytest.mark.parametrize(
    "off", [timedelta(seconds=5, milliseconds=1), timedelta(seconds=-5, milliseconds=-1), timedelta(days=-900)]
)
def test_any_other_naive_datetime_is_utc(off, local_zone):
    """`datetime.utcnow()` and historical data."""
    moment = datetime.fromtimestamp(NOW) + off
    assert sent_time(moment) == sent_time(moment.isoformat()) == moment.isoformat(timespec="milliseconds") + "Z"
    utc = datetime.fromtimestamp(NOW, timezone.utc).replace(tzinfo=None)
    assert sent_time(utc) == NOW_TEXT


def test_a_string_without_a_day_is_of_today(local_zone):
    """The day of the call, not that of the parser's import; and a local abbreviation is understood."""
    assert sent_time("10:30") == "2026-11-23T10:30:00.000Z"
    noon = {"UTC": "12:00", "America/New_York": "16:00", "Asia/Kolkata": "06:30"}[local_zone]
    assert sent_time(f"2026-07-01 12:00 {time.tzname[time.daylight]}") == f"2026-07-01T{noon}:00.000Z"


class Refusing(tzinfo):
    def utcoffset(self, when):
        raise RuntimeError("no such zone")

    dst = tzname = utcoffset


@pytest.mark.parametrize(
    "timestamp",
    [
        0,
        NOW,
        True,
        Decimal(1),
        b"2010-05-08",
        timedelta(1),
        object(),
        "",
        "yesterday",
        "2010-13-08",
        "2010-05-08T25:00:00Z",
        "2010-05-08 10:00 XYZ",
        "9" * 5000,
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-14))),
        datetime(2026, 1, 1, tzinfo=Refusing()),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_other_timestamps_are_refused(timestamp):
    """With the argument and the type in the text, and without a word of the rest of the call."""
    with pytest.raises(ValidationError, match=rf"timestamp .*\b{type(timestamp).__name__}\b"):
        sent_time(timestamp)


@given(st.datetimes(timezones=st.none() | st.timezones()))
@example(datetime(2026, 11, 1, 1, 30, fold=1))
def test_every_datetime_is_sent_or_refused(moment):
    """As 24 characters that name the same instant; only what lies outside of the calendar in UTC is refused."""
    offset = moment.utcoffset() or timedelta(0)
    try:
        text = sent_time(moment, now=math.inf)
    except ValidationError:
        assert moment.year in (1, 9999)
        assert offset
        return
    assert len(text) == 24
    assert text == (moment.replace(tzinfo=None) - offset).isoformat(timespec="milliseconds") + "Z"


def test_dateutil_is_imported_when_a_string_comes():
    """Not by the calls that need no parser."""
    program = """
import sys
from datetime import datetime
from segment_gevent.events import message
message.seal(message.track("s", "u", "E", {}), None, datetime(2026, 1, 1), None, None, new_id="m", now=0)
assert "dateutil" not in sys.modules
message.seal(message.track("s", "u", "E", {}), None, "2026-01-01", None, None, new_id="m", now=0)
assert "dateutil" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


# The encoded message.


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


# Messages made elsewhere.


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
        (valid(timestamp=NOW), ["timestamp must be an ISO 8601 time such as 2026-11-23T15:19:40.388Z"]),
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
