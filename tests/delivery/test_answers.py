"""What an answer asks for, whatever its headers and body hold."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from segment_gevent.delivery.answers import asked_wait, says_too_large, server_clock

NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110

NAMES = ("Retry-After", "X-RateLimit-Reset", "Date")
NUMBERS = st.one_of(st.floats(), st.integers()).map(str)
DATES = st.floats(-1e10, 1e12).map(lambda moment: formatdate(min(moment, 2e11), usegmt=True))
TEXTS = st.one_of(st.text(), NUMBERS, DATES, st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ [\d:.+-]* ?\S*"))


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 7 "}, 7.0),
        ({"Retry-After": 7}, 7.0),  # a transport of one's own may give a number
        ({"Retry-After": "0.25"}, 0.25),
        ({"Retry-After": ".5"}, 0.5),
        ({"Retry-After": "2."}, 2.0),
        ({"Retry-After": "301"}, 300.0),
        ({"Retry-After": "9" * 400}, 300.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:47 GMT"}, 10.0),
        ({"Retry-After": "Sunday, 06-Nov-94 08:49:47 GMT"}, 10.0),
        ({"Retry-After": "Sun Nov  6 08:49:47 1994"}, 10.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:47 -0000"}, 10.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0),
        ({"Retry-After": "Mon, 07 Nov 1994 08:49:37 GMT"}, 300.0),
        ({"X-RateLimit-Reset": "12"}, 12.0),
        ({"X-RateLimit-Reset": "0.5"}, 0.5),
        ({"X-RateLimit-Reset": "1e3"}, None),
        ({"X-RateLimit-Reset": "1000000"}, 300.0),
        ({"Retry-After": "3", "X-RateLimit-Reset": "12"}, 3.0),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "12"}, 12.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:36 GMT", "X-RateLimit-Reset": "12"}, 12.0),
    ],
)
def test_a_wait_is_read_in_every_form(headers: dict[str, Any], wait: float | None) -> None:
    """Seconds, fractions, the three forms of an HTTP date; Retry-After before X-RateLimit-Reset; 300 s at most."""
    assert asked_wait(headers, wall_clock=NOW) == wait


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-1", "-0.5", "+5", "1e5", "1_000", "0x10", "inf", "nan", "٣", "²", "7 seconds", "7,5", "1.2.3"),
        "tomorrow",
        "Sun, 06 Nov 1994 08:49:36 GMT",
        "Sun, 32 Nov 1994 08:49:47 GMT",
        "Sun, 06 Nov 1994 08:49:47 +99999999999999",
    ],
)
def test_what_is_negative_past_or_garbage_asks_for_nothing(text: str) -> None:
    """The caller then waits as it would without the header."""
    assert asked_wait({"Retry-After": text}, wall_clock=NOW) is None


def test_a_date_counts_from_the_servers_own_clock() -> None:
    """However wrong ours is."""
    headers = {"Retry-After": "Sun, 06 Nov 1994 08:49:47 GMT", "Date": "Sun, 06 Nov 1994 08:49:37 GMT"}
    assert [asked_wait(headers, wall_clock=clock) for clock in (0.0, NOW, NOW + 86_400)] == [10.0, 10.0, 10.0]
    assert server_clock(headers) == NOW
    assert asked_wait({**headers, "Date": "yesterday"}, wall_clock=NOW + 4) == 6.0


def test_a_reset_at_a_unix_time_is_a_wait_until_then() -> None:
    """As gateways have it that stand before a server; once it is past, it asks for nothing."""
    now = 1_795_000_000.0
    assert asked_wait({"X-RateLimit-Reset": "1795000042"}, wall_clock=now) == 42.0
    assert asked_wait({"X-RateLimit-Reset": "1794999999"}, wall_clock=now) is None


def test_the_case_of_a_name_is_the_mappings_affair() -> None:
    """The headers of requests are found in any case."""
    assert asked_wait(CaseInsensitiveDict({"retry-after": "4"}), wall_clock=0) == 4.0
    assert asked_wait(CaseInsensitiveDict({"x-ratelimit-reset": "5"}), wall_clock=0) == 5.0


@given(st.dictionaries(st.sampled_from(NAMES), TEXTS), st.floats(0, 1e11))
@example({"Retry-After": "1" * 60_000 + "x"}, 0.0)
@example({"Retry-After": "Mon, 01 Jan 9999 00:00:00 -9999", "Date": "\x00"}, 0.0)
def test_no_header_raises(headers: dict[str, str], wall_clock: float) -> None:
    """Any text gives a wait from 0 to 300 s, or none."""
    wait = asked_wait(headers, wall_clock)
    assert wait is None or 0.0 <= wait <= 300.0


@given(st.floats(0, 1e6, allow_nan=False))
def test_seconds_are_taken_as_they_are_up_to_the_limit(seconds: float) -> None:
    """Whatever decimals they have."""
    assert asked_wait({"Retry-After": f"{seconds:.9f}"}, wall_clock=0) == min(float(f"{seconds:.9f}"), 300.0)


@pytest.mark.parametrize(
    "text",
    [
        "Exceed payload limit",
        '{"error": {"message": "the message is too large and over the maximum 32KB limit"}}',
        '{"msg": "Request size exceeds max limit"}',
        "http: request body too large",
        "PayloadTooLargeError: request entity too large",
        "<Code>RequestEntityTooLarge</Code>",
        "PAYLOAD_TOO_LARGE",
        "batch exceeds the maximum of 500KB",
        "The body exceeded 512000 bytes",
        "message is over the 32 KB limit",
        "Content Too Large",
        "batch too big",
    ],
)
def test_a_400_that_says_too_large_is_known_by_its_words(text: str) -> None:
    """In any case, and in a 400 only: another status has its own meaning."""
    assert says_too_large(400, text)
    assert says_too_large(400, text.upper())
    assert not says_too_large(200, text)
    assert not says_too_large(500, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Invalid JSON",
        '{"success": false, "message": "userId or anonymousId is required"}',
        "Failed to read writeKey from header",
        "messageId must be under 100 characters",
        "rate limit exceeded",
        "monthly quota exceeded",
        "unknown field: payload",
    ],
)
def test_another_400_is_not_about_size(text: str) -> None:
    """A single bad message, a wrong key or a quota is no matter of the request's size."""
    assert not says_too_large(400, text)


def test_a_413_needs_no_words() -> None:
    """The status says it."""
    assert says_too_large(413, "")


@given(st.integers(100, 599), st.text())
@example(400, "exceed " * 100_000)
@example(400, "size " * 100_000)
def test_no_body_raises(status: int, text: str) -> None:
    """Or takes long: an answer may be a megabyte of anything."""
    assert says_too_large(status, text) in (True, False)
