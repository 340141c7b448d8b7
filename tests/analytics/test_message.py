"""The official client's rules for messages: what it refuses, and what it takes a time for."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from segment_gevent.analytics import Client
from segment_gevent.analytics.message import in_its_zone


@pytest.fixture
def client() -> Client:
    """One that sends nothing."""
    return Client("write-key", send=False)


def test_a_call_hands_back_the_message(client: Client) -> None:
    """By the API's names, values as they were given, ids as strings, the time in words."""
    taken, message = client.track(
        7, "Order Completed", {"total": 19.9}, {"ip": "192.0.2.1"}, datetime(2014, 9, 3), 0.5, {"All": True}, "id-1"
    )
    library = message["context"].pop("library")
    assert taken
    assert library["name"] == "segment-gevent"
    assert message == {
        "type": "track",
        "userId": "7",
        "anonymousId": "0.5",
        "event": "Order Completed",
        "properties": {"total": 19.9},
        "context": {"ip": "192.0.2.1"},
        "timestamp": "2014-09-03T00:00:00.000+00:00",
        "integrations": {"All": True},
        "messageId": "id-1",
    }


def test_what_is_not_given_is_filled_in(client: Client) -> None:
    """Every message has an id and a time of its own; an id of nobody is None."""
    (_, one), (_, two) = client.identify("user"), client.identify(anonymous_id="visitor")
    assert one["messageId"] != two["messageId"]
    assert datetime.fromisoformat(one["timestamp"]).utcoffset() == timedelta(0)
    assert (one["traits"], one["anonymousId"], two["userId"]) == ({}, None, None)


def test_a_message_that_is_handed_back_is_the_callers(client: Client) -> None:
    """What it does with it changes no other message."""
    _, message = client.identify("user")
    message["context"]["library"].clear()
    assert client.identify("user")[1]["context"]["library"]["name"] == "segment-gevent"


def test_a_callers_dicts_stay_as_they_are(client: Client) -> None:
    """The official client writes into the context that it is given."""
    context = {"ip": "192.0.2.1"}
    _, message = client.identify("user", {"born": date(1981, 2, 2)}, context)
    assert context == {"ip": "192.0.2.1"}
    assert message["traits"] == {"born": date(1981, 2, 2)}


@pytest.mark.parametrize(
    ("ago", "is_local"),
    [(timedelta(seconds=1), True), (timedelta(hours=-30), True), (timedelta(seconds=30), False)],
    ids=["just now", "to come", "past"],
)
def test_a_naive_time_is_read_as_the_official_client_reads_it(ago: timedelta, is_local: bool) -> None:
    """Local if it lies in the last 5 s or in the future, else UTC."""
    naive = datetime.now() - ago
    expected = naive.astimezone() if is_local else naive.replace(tzinfo=timezone.utc)
    assert in_its_zone(naive) == expected
    assert in_its_zone(expected) is expected


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda client: client.track(event="Nobody"), id="nobody"),
        pytest.param(lambda client: client.track(0, "Nobody"), id="an id of 0"),
        pytest.param(lambda client: client.track(["user"], "Clicked"), id="an id of no type"),
        pytest.param(lambda client: client.track("user"), id="no event"),
        pytest.param(lambda client: client.track("user", "Clicked", ["no dict"]), id="properties"),
        pytest.param(lambda client: client.track("user", "Clicked", timestamp="today"), id="timestamp"),
        pytest.param(lambda client: client.track("user", "Clicked", context="here"), id="context"),
        pytest.param(lambda client: client.track("user", "Clicked", integrations="all"), id="integrations"),
        pytest.param(lambda client: client.identify("user", "traits"), id="traits"),
        pytest.param(lambda client: client.alias("old"), id="alias"),
        pytest.param(lambda client: client.group("user"), id="group"),
        pytest.param(lambda client: client.page("user", name=7), id="page"),
        pytest.param(lambda client: client.screen("user", category=7), id="screen"),
        pytest.param(lambda _: Client(None), id="write key"),
    ],
)
def test_a_wrong_argument_raises_as_the_official_client_does(client: Client, call: object) -> None:
    """An AssertionError, and nothing is counted."""
    with pytest.raises(AssertionError, match="must have"):
        call(client)
    assert client.stats.submitted == 0


def test_a_message_over_the_limit_raises(client: Client) -> None:
    """RuntimeError, as with the official client."""
    with pytest.raises(RuntimeError, match="32kb"):
        client.track("user", "Large", {"text": "x" * 40_000})


@pytest.mark.parametrize("arguments", [("user", ""), ("user", "Clicked", {}, {}, None, None, {}, "x" * 200)])
def test_what_only_the_api_refuses_is_not_sent(
    client: Client, arguments: tuple[object, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """The official client raises nothing for it, so neither does a call here: it answers False, with a line."""
    taken, message = client.track(*arguments)
    assert not taken
    assert message["userId"] == "user"
    assert "is not sent" in caplog.text
