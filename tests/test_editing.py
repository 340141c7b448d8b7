"""What the options do to a message before it is taken in: default values, sampling, `before_send`."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import gevent
import pytest

from segment_gevent import Client, ValidationError
from segment_gevent.testing import RecordingTransport

MakeClient = Callable[..., Client]
Message = dict[str, Any]


class Sending:
    """A client whose messages can be looked at, and whose drops are noted."""

    def __init__(self, make_client: MakeClient, **options: Any) -> None:
        self.transport = RecordingTransport()
        self.client = make_client(transport=self.transport, **options)
        self.drops: list[tuple[Message, str]] = []
        self.client.on_drop(lambda message, reason: self.drops.append((message, reason)))

    def track(self, **arguments: Any) -> Message:
        """Track one event; the message as it was sent."""
        assert self.client.track(**{"session_id": "s", "event": "E", **arguments}) is True
        assert self.client.flush() is True
        return self.transport.messages[-1]


# Default values.


def test_a_default_context_goes_under_each_calls_own(make_client: MakeClient) -> None:
    """Key by key, at every depth; the library is told beside it, in all six calls."""
    sending = Sending(make_client, default_context={"app": {"name": "shop"}, "ip": "0.0.0.0"}, flush_at=100)
    library = sending.track()["context"]["library"]
    assert sending.track()["context"] == {"app": {"name": "shop"}, "ip": "0.0.0.0", "library": library}
    assert sending.track(context={"ip": "::1"})["context"] == {"app": {"name": "shop"}, "ip": "::1", "library": library}
    assert sending.track(context={"app": {"build": 1}})["context"]["app"] == {"name": "shop", "build": 1}
    client = sending.client
    sending.transport.sent.clear()
    client.identify("s")
    client.page("s")
    client.screen("s")
    client.group("s", group_id="g")
    client.alias("s", "u")
    assert client.flush()
    assert [message["context"]["app"] for message in sending.transport.messages] == [{"name": "shop"}] * 5


def test_default_integrations_go_under_each_calls_own(make_client: MakeClient) -> None:
    """A call may turn one off that is on, and the other way round."""
    sending = Sending(make_client, default_integrations={"All": True, "Mixpanel": False})
    assert sending.track()["integrations"] == {"All": True, "Mixpanel": False}
    merged = sending.track(integrations={"Mixpanel": True, "Vero": False})["integrations"]
    assert merged == {"All": True, "Mixpanel": True, "Vero": False}


def test_default_values_may_be_anything(make_client: MakeClient) -> None:
    """They are encoded like a call's own; and what is done to the mapping later changes nothing."""
    given: dict[Any, Any] = {"price": Decimal("1.5"), 7: {1}}
    sending = Sending(make_client, default_context=given)
    given[7].add(2)
    given.clear()
    context = sending.track(context={})["context"]
    assert (context["price"], context["7"]) == (sending.track()["context"]["price"], [1])


class Hostile(Mapping[str, Any]):
    """A mapping that can't be read."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __len__(self) -> int:
        raise RuntimeError


@pytest.mark.parametrize("wrong", ["text", 7, ["a"], Hostile()])
@pytest.mark.parametrize("argument", ["context", "integrations"])
def test_a_wrong_argument_is_refused_as_without_defaults(make_client: MakeClient, argument: str, wrong: Any) -> None:
    """At the call, in the same words, and nothing is counted."""
    texts = []
    for options in ({}, {f"default_{argument}": {"a": 1}}):
        client = make_client(transport=RecordingTransport(), **options)
        with pytest.raises(ValidationError, match=f"^{argument} ") as caught:
            client.track("s", event="E", **{argument: wrong})
        texts.append(str(caught.value))
        assert client.stats.submitted == 0
    assert texts[0] == texts[1]


# Sampling.

SAMPLE = """
import sys
from segment_gevent import Client
from segment_gevent.testing import RecordingTransport
client = Client("key", transport=RecordingTransport(), sample_rate=0.25, flush_at=10_000)
print(*(number for number in range(1_000) if client.track(user_id=f"user-{number}", event="E")))
"""


def test_sampling_takes_the_same_users_in_every_process() -> None:
    """Whatever Python's hashes are salted with, and about as many as the rate says."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", SAMPLE],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert 150 < len(runs[0].split()) < 350


def test_a_user_is_in_or_out_with_all_of_their_calls(make_client: MakeClient) -> None:
    """By the user id, or without one the session's; a higher rate adds users and takes none away."""
    taken: dict[float, set[str]] = {}
    for rate in (0.2, 0.6):
        client = make_client(transport=RecordingTransport(), sample_rate=rate, flush_at=10_000)
        taken[rate] = {f"{n}" for n in range(500) if client.track(f"session-{n}-{rate}", f"{n}", "E")}
        for number in range(500):
            user = str(number)
            answers = {
                client.identify(user_id=user),
                client.track(user_id=user, event="F"),
                client.group(user_id=user, group_id="g"),
                client.alias("before", user),
                client.page(session_id=user),
                client.screen(None, number),  # type: ignore[arg-type]
            }
            assert answers == {user in taken[rate]}
    assert taken[0.2] < taken[0.6]


@pytest.mark.parametrize(("rate", "accepted"), [(0, 0), (1, 50), (1.0, 50)])
def test_none_and_all_are_rates_too(make_client: MakeClient, rate: float, accepted: int) -> None:
    """Nobody's, and everybody's."""
    client = make_client(transport=RecordingTransport(), sample_rate=rate)
    assert sum(client.track(user_id=f"u{number}", event="E") for number in range(50)) == accepted


def test_who_is_not_in_the_sample_is_counted_and_told(make_client: MakeClient) -> None:
    """The call answers False; the reason is `sampled`, and `before_send` is not asked."""
    asked: list[Message] = []
    sending = Sending(make_client, sample_rate=0, before_send=lambda message: asked.append(message) or message)
    assert sending.client.track("s", event="E") is False
    assert sending.client.flush() is True
    assert [(message["event"], reason) for message, reason in sending.drops] == [("E", "sampled")]
    assert dict(sending.client.stats.dropped_by_reason) == {"sampled": 1}
    assert (sending.client.stats.submitted, sending.client.stats.tracks, asked) == (1, 1, [])


# before_send.


def test_before_send_sees_the_message_as_it_would_be_sent(make_client: MakeClient) -> None:
    """A dict of the whole message, with what was left out filled in and every value as JSON has it."""
    seen: list[Message] = []

    def look(message: Message) -> Message:
        seen.append(message)
        return message

    sending = Sending(make_client, before_send=look, default_context={"app": "shop"})
    sent = sending.track(properties={"price": Decimal("1.5"), "tags": {"a"}})
    assert seen == [sent]
    assert set(sent) == {"type", "anonymousId", "event", "properties", "messageId", "timestamp", "context"}
    assert sent["context"]["app"] == "shop"
    assert "writeKey" not in repr(seen)


def test_before_send_may_change_and_redact(make_client: MakeClient) -> None:
    """In place or by another dict, with any values."""

    def redact(message: Message) -> Message:
        message["properties"].pop("password", None)
        return {
            **message,
            "event": message["event"].upper(),
            "context": {**message["context"], "price": Decimal("2.5")},
        }

    sending = Sending(make_client, before_send=redact)
    properties = {"password": "hunter2", "a": 1}
    sent = sending.track(event="bought", properties=properties)
    assert (sent["event"], sent["properties"]) == ("BOUGHT", {"a": 1})
    assert properties == {"password": "hunter2", "a": 1}, "the caller's own is not touched"
    assert b"hunter2" not in sending.transport.sent[-1].body


def test_before_send_may_drop(make_client: MakeClient) -> None:
    """None drops: the call is False, counted with the reason `before_send`, and told to `on_drop`."""
    sending = Sending(make_client, before_send=lambda message: None if message["event"] == "no" else message)
    sending.track(event="yes")
    assert sending.client.track("s", event="no") is False
    sending.track(event="yes")
    assert sending.client.flush() is True
    assert [(message["event"], reason) for message, reason in sending.drops] == [("no", "before_send")]
    stats = sending.client.stats
    assert (stats.submitted, stats.delivered, dict(stats.dropped_by_reason)) == (3, 2, {"before_send": 1})


@pytest.mark.parametrize(
    "returned",
    [
        "text",
        7,
        [],
        True,
        {},
        {"type": "track"},
        {"type": "order", "messageId": "x", "userId": "u", "timestamp": "2026-11-23T15:19:40.388Z", "context": {}},
    ],
)
def test_what_is_no_message_is_not_sent(make_client: MakeClient, returned: Any) -> None:
    """It counts as a hook that raised."""
    sending = Sending(make_client, before_send=lambda message: returned, log=False)
    assert sending.client.track("s", event="E") is False
    assert dict(sending.client.stats.dropped_by_reason) == {"before_send_error": 1}


def test_a_hook_that_raises_drops_and_is_logged_once(make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    """It may be what removes a secret: nothing is sent as it was, each is counted and told, and no call raises."""

    def redact(message: Message) -> Message:
        if message["properties"]:
            raise KeyError("password")
        return message

    sending = Sending(make_client, before_send=redact)
    with caplog.at_level(logging.INFO, "segment_gevent"):
        for _ in range(3):
            assert sending.client.track("s", event="E", properties={"secret": "hunter2"}) is False
        sending.track(properties={})
        assert sending.client.track("s", event="E", properties={"secret": "hunter2"}) is False
        sending.client.flush()
    assert [record.getMessage() for record in caplog.records] == [
        "before_send raised; such messages are dropped, and this is said once"
    ]
    assert "KeyError" in caplog.text
    assert "hunter2" not in caplog.text
    assert [reason for _, reason in sending.drops] == ["before_send_error"] * 4
    assert dict(sending.client.stats.dropped_by_reason) == {"before_send_error": 4}
    assert len(sending.transport.messages) == 1


def test_a_callers_time_out_passes_through_the_hook(make_client: MakeClient) -> None:
    """A hook may wait; what is thrown into the caller meanwhile is the caller's, and nothing was counted."""
    client = make_client(transport=RecordingTransport(), before_send=lambda message: gevent.sleep(60) or message)
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.02):
        client.track("s", event="E")
    assert client.stats.submitted == 0


def test_a_hook_may_make_a_message_small_or_too_large(make_client: MakeClient) -> None:
    """The limit holds for what it returned."""

    def fit(message: Message) -> Message:
        message["properties"] = {"x": "y" * message["properties"].pop("wanted")}
        return message

    sending = Sending(make_client, before_send=fit)
    assert sending.client.track("s", event="E", properties={"wanted": 40_000}) is False
    sending.track(properties={"wanted": 10, "big": "z" * 40_000})
    assert dict(sending.client.stats.dropped_by_reason) == {"too_large": 1}


def test_a_disabled_client_asks_no_hook_to_send(make_client: MakeClient) -> None:
    """Whatever the hook says, the call is counted once, as disabled."""
    client = make_client(enabled=False, before_send=lambda message: None)
    assert client.track("s", event="E") is False
    assert dict(client.stats.dropped_by_reason) == {"disabled": 1}
