"""What a server may ask for: a wait, in any form, and a rate limit, which is on everything that is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from segment_gevent import Client, DeliveryError
from segment_gevent.testing import Hold, RecordingTransport, ScriptedTransport, response

MakeClient = Callable[..., Client]

SOON = {"Retry-After": "0.01"}
MINUTES = {"Retry-After": "300"}
EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"

WAITS = [
    {"Retry-After": "290"},
    {"Retry-After": "289.5"},
    {"Retry-After": "Thu, 01 Jan 1970 00:04:50 GMT", "Date": EPOCH},
    {"X-RateLimit-Reset": "290"},
    {"X-RateLimit-Reset": "1000000290", "Date": "Sun, 09 Sep 2001 01:46:40 GMT"},
]


def retry_counts(transport: RecordingTransport) -> list[str | None]:
    return [sent.headers.get("X-Retry-Count") for sent in transport.sent]


def events(transport: RecordingTransport) -> list[str]:
    return [message["event"] for message in transport.messages]


def failures_of(client: Client) -> list[DeliveryError]:
    failures: list[DeliveryError] = []
    client.on_failure(lambda data, error: failures.append(error))
    return failures


@pytest.mark.parametrize("headers", WAITS)
@pytest.mark.parametrize("status", [408, 429, 460, 500, 503])
def test_a_wait_is_asked_for_in_any_form_with_any_answer_that_is_tried_again(
    make_client: MakeClient, status: int, headers: dict[str, str]
) -> None:
    """Our own first retry would come at once; here none comes, since the wait would pass what is allowed."""
    transport = ScriptedTransport(response(status, headers))
    client = make_client(transport=transport, log=False, max_retry_duration=280, max_rate_limit_duration=280)
    failures = failures_of(client)
    client.track("s", event="E")
    assert client.flush(30) is False
    assert [(error.status, error.attempts) for error in failures] == [(status, 1)]
    assert len(transport.sent) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("seconds", ["301", "86400", "9" * 50])
def test_nobody_is_waited_for_longer_than_five_minutes(make_client: MakeClient, status: int, seconds: str) -> None:
    """What asks for more is kept for 300 s, and tried again then: it has not failed."""
    transport = ScriptedTransport(response(status, {"Retry-After": seconds}))
    client = make_client(transport=transport, log=False, max_retry_duration=301, max_rate_limit_duration=301)
    client.track("s", event="E")
    assert client.flush(0.05) is False
    assert (client.stats.pending, client.stats.failed, len(transport.sent)) == (1, 0, 1)


def test_a_rate_limit_is_not_counted_against_the_retries(make_client: MakeClient) -> None:
    """However often; `X-Retry-Count` tells every attempt all the same, and each has a `sentAt` of its own."""
    transport = ScriptedTransport(*[response(429, SOON)] * 15)
    client = make_client(transport=transport, log=False, max_retries=0)
    client.track("s", event="E")
    assert client.flush(60) is True
    assert retry_counts(transport) == [None, *(str(number) for number in range(1, 16))]
    times = [sent.payload["sentAt"] for sent in transport.sent]
    assert times == sorted(set(times))
    assert len({sent.messages[0]["messageId"] for sent in transport.sent}) == 1
    assert (client.stats.delivered, client.stats.retries, client.stats.batches) == (1, 15, 1)


def test_rate_limits_and_failures_are_counted_apart(make_client: MakeClient) -> None:
    """Two retries are allowed and two failures come, with limits between them; the count on the wire has them all."""
    limit, failure = response(429, SOON), response(503, SOON)
    transport = ScriptedTransport(limit, failure, limit, limit, failure, limit)
    client = make_client(transport=transport, log=False, max_retries=2)
    client.track("s", event="E")
    assert client.flush(60) is True
    assert retry_counts(transport) == [None, "1", "2", "3", "4", "5", "6"]


def test_a_rate_limit_that_does_not_end_is_given_up(make_client: MakeClient) -> None:
    """By `max_rate_limit_duration` from the first of them on, whatever `max_retries` allows."""
    transport = ScriptedTransport(*[response(429, {"Retry-After": "0.05"})] * 1_000)
    client = make_client(transport=transport, log=False, max_rate_limit_duration=0.2)
    failures = failures_of(client)
    client.track("s", event="E")
    assert client.flush(60) is False
    ((status, attempts),) = [(error.status, error.attempts) for error in failures]
    assert status == 429
    assert 1 < attempts == len(transport.sent) <= 5


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("headers", [{"Retry-After": "0"}, {}])
def test_an_answer_that_asks_for_no_wait_is_met_with_our_own(
    make_client: MakeClient, status: int, headers: dict[str, str]
) -> None:
    """A server that asks for 0 s, or for nothing, is not asked at once, without an end or until no retry is left."""
    transport = ScriptedTransport(*[response(status, headers)] * 10_000)
    client = make_client(transport=transport, log=False)
    client.track("s", event="E")
    assert client.flush(0.5) is False
    assert 1 <= len(transport.sent) < 1_000
    assert client.stats.pending == 1


def test_a_rate_limit_stops_every_lane(make_client: MakeClient) -> None:
    """One of three batches in flight is told to wait: what is on its way ends, and nothing else begins."""
    limited, *others = [Hold(response(429, MINUTES)), Hold(), Hold()]
    transport = ScriptedTransport(limited, *others)
    client = make_client(transport=transport, log=False, flush_at=1, max_in_flight=3)
    for number, hold in enumerate([limited, *others]):
        client.track("s", event=f"E{number}")
        assert hold.arrived.wait(10)
    limited.release()
    gevent.sleep(0)
    for hold in others:
        hold.release()
    for number in range(10):
        client.track("s", event=f"later {number}")
    assert client.flush(0.2) is False
    assert (len(transport.sent), client.stats.delivered, client.stats.pending) == (3, 2, 11)


def test_the_longest_of_two_rate_limits_counts(make_client: MakeClient) -> None:
    """The second is told while the first is waited for."""
    holds = [Hold(response(429, {"Retry-After": "0.05"})), Hold(response(429, MINUTES))]
    transport = ScriptedTransport(*holds)
    client = make_client(transport=transport, log=False, flush_at=1, max_in_flight=2)
    for hold in holds:
        client.track("s", event="E")
        assert hold.arrived.wait(10)
    for hold in holds:
        hold.release()
    assert client.flush(0.4) is False
    assert (len(transport.sent), client.stats.pending) == (2, 2)


def test_all_lanes_go_on_when_the_rate_limit_ends(make_client: MakeClient) -> None:
    """Nothing is lost or sent without need."""
    transport = ScriptedTransport(*[response(429, SOON)] * 3)
    client = make_client(transport=transport, log=False, flush_at=1, max_in_flight=3)
    for number in range(300):
        client.track("s", event=f"E{number}")
        if not number % 10:
            gevent.sleep(0)
    assert client.flush(60) is True
    assert (client.stats.delivered, client.stats.retries) == (300, 3)
    assert len(events(transport)) == 300 + sum(len(sent.messages) for sent in transport.sent[:3])


def test_a_rate_limit_keeps_the_order(make_client: MakeClient) -> None:
    """What came later, and what was tracked while it lasted, goes after what was held up."""
    transport = ScriptedTransport(200, response(429, SOON), response(429, SOON))
    client = make_client(transport=transport, log=False, flush_at=1)
    for number in range(50):
        client.track("s", event=f"E{number}")
        gevent.sleep(0)
    assert client.flush(60) is True
    arrived = [
        message["event"] for sent in transport.sent for message in sent.messages if sent not in transport.sent[1:3]
    ]
    assert arrived == [f"E{number}" for number in range(50)]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("is_async", [True, False])
def test_a_flush_ends_at_its_time_out_whatever_the_server_asks_for(
    make_client: MakeClient, status: int, is_async: bool
) -> None:
    """Five minutes were asked for; what remains is pending."""
    transport = ScriptedTransport(response(status, MINUTES))
    client = make_client(transport=transport, log=False, async_=is_async, flush_at=10)
    if not is_async:
        client.flush()  # that counts as the first flush, and the next call starts none
    client.track("s", event="E") if is_async else gevent.spawn(client.track, "s", event="E")
    transport.wait_for(1)
    with gevent.Timeout(60):
        assert client.flush(0.1) is False
    assert (client.stats.pending, len(transport.sent)) == (1, 1)


def test_a_shutdown_ends_at_its_time_out_whatever_the_server_asks_for(make_client: MakeClient) -> None:
    """A rate limit is kept to the end: another attempt would be refused, and make it last. What is left is dropped."""
    transport = ScriptedTransport(response(429, MINUTES))
    client = make_client(transport=transport, log=False, flush_at=1)
    drops: list[tuple[Any, str]] = []
    client.on_drop(lambda message, reason: drops.append((message["event"], reason)))
    client.track("s", event="E")
    transport.wait_for(1)
    client.track("s", event="F")
    with gevent.Timeout(60):
        assert client.shutdown(0.2) is False
    assert (drops, len(transport.sent)) == ([("E", "shutdown"), ("F", "shutdown")], 1)


def test_who_waits_for_a_rate_limit_in_the_call_sends_nothing_after_the_shutdown(make_client: MakeClient) -> None:
    """With `async_=False`: its message was dropped, or is on disk for another to send. The call returns."""
    transport = ScriptedTransport(response(429, MINUTES))
    client = make_client(transport=transport, log=False, async_=False, flush_at=1)
    calling = gevent.spawn(client.track, "s", event="E")
    transport.wait_for(1)
    assert client.shutdown(0.05) is False
    calling.get(timeout=60)
    assert (client.stats.dropped, len(transport.sent)) == (1, 1)
