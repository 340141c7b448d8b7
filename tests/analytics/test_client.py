"""The module and the client that take the official one's place, as their callers use them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from servers.local_segment import LocalSegment

import segment_gevent.analytics as analytics
from segment_gevent import DeliveryError
from segment_gevent.analytics.request import APIError
from segment_gevent.testing import RecordingTransport, ScriptedTransport, response

CALLS = {
    "identify": ("user", {"plan": "free"}),
    "track": ("user", "Clicked", {"total": 1}),
    "page": ("user", "Docs", "Home", {"path": "/"}),
    "screen": ("user", "Docs", "Home", {"path": "/"}),
    "group": ("user", "team", {"size": 3}),
    "alias": ("old", "new"),
}


@pytest.fixture(autouse=True)
def _module_as_imported() -> Iterator[None]:
    """Each test begins and ends with the module's settings as they are at its import."""
    before = {name: getattr(analytics, name) for name in [*analytics._SETTINGS, "default_client"]}
    yield
    for name, value in before.items():
        setattr(analytics, name, value)


def make(*script: Any, **options: Any) -> tuple[analytics.Client, ScriptedTransport]:
    transport = ScriptedTransport(*script)
    return analytics.Client("write-key", transport=transport, **options), transport


@pytest.mark.parametrize("kind", CALLS)
def test_a_call_of_the_module_arrives(kind: str, segment_server: LocalSegment) -> None:
    """With the settings of the module and the official order of arguments."""
    analytics.write_key, analytics.host = "write-key", segment_server.url
    taken, message = getattr(analytics, kind)(*CALLS[kind])
    analytics.shutdown()
    (event,) = segment_server.events()
    assert (taken, event["message"]["type"], segment_server.summary()["invalid"]) == (True, kind, 0)
    sent = event["message"]
    for name in ("userId", "event", "traits", "groupId", "previousId", "name", "category", "messageId"):
        assert sent.get(name) == message.get(name)
    assert sent.get("properties", {}).items() >= message.get("properties", {}).items()


@pytest.mark.parametrize("host", ["{}", "{}/", "{}/gateway", "{}/data/plane/"])
def test_a_host_may_have_a_path(host: str, segment_server: LocalSegment) -> None:
    """`/v1/batch` comes behind it: so do data planes and gateways that speak the same API."""
    client = analytics.Client("write-key", host.format(segment_server.url))
    client.track("user", "Clicked")
    assert client.flush(20)
    (request,) = segment_server.requests()
    assert request["path"] == host.removeprefix("{}").rstrip("/") + "/v1/batch"


def test_the_default_client_is_made_once() -> None:
    """By the first call, from the settings as they are then; one of the caller's own stays."""
    analytics.write_key, analytics.send, analytics.max_queue_size = "write-key", False, 1337
    analytics.flush()
    made = analytics.default_client
    assert made is not None
    assert (made.write_key, made.queue.maxsize) == ("write-key", 1337)
    analytics.track("user", "Clicked")
    assert analytics.default_client is made
    analytics.default_client = own = analytics.Client("other", send=False)
    analytics.track("user", "Clicked")
    assert own.stats.submitted == 1


def test_a_module_function_shows_its_arguments() -> None:
    """As a caller gives them, in the official order."""
    assert list(inspect.signature(analytics.track).parameters) == [
        "user_id",
        "event",
        "properties",
        "context",
        "timestamp",
        "anonymous_id",
        "integrations",
        "message_id",
    ]


def test_a_call_that_is_not_sent_says_that_it_was_taken() -> None:
    """With `send=False`, as with the official client."""
    client, transport = make(send=False)
    taken, message = client.track("user", "Clicked")
    assert (taken, message["event"], client.flush(), transport.sent) == (True, "Clicked", True, [])


def test_a_full_queue_answers_false_with_the_message() -> None:
    """The caller keeps what had no room."""
    client, _ = make(max_queue_size=1)
    assert client.track("user", "First")[0]
    taken, message = client.track("user", "Second")
    assert (taken, message["event"], client.queue.full()) == (False, "Second", True)
    client.shutdown()
    assert client.queue.empty()


def test_a_client_is_of_use_after_its_shutdown() -> None:
    """What the official client loses after `join` or `shutdown` is delivered here."""
    client, transport = make()
    client.track("user", "First")
    client.shutdown()
    assert [message["event"] for message in transport.messages] == ["First"]
    assert transport.closed == 1
    assert client.track("user", "Second")[0]
    client.join()
    assert [message["event"] for message in transport.messages] == ["First", "Second"]


REFUSED = response(400, content=b'{"code": "bad_request", "message": "no such source"}')


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (REFUSED, (400, "bad_request", "no such source")),
        (response(401, content=b"no"), (401, "unknown", "no")),
        (response(404, content=b'["a", "list"]'), (404, "unknown", '["a", "list"]')),
    ],
)
def test_on_error_gets_the_answer_and_the_messages(answer: Any, shown: tuple[int, str, str]) -> None:
    """An APIError as the official client's, and the batch as a list."""
    told: list[tuple[Any, list[Any]]] = []
    client, _ = make(answer, on_error=lambda error, batch: told.append((error, batch)))
    client.track("user", "Clicked")
    assert not client.flush()
    ((error, batch),) = told
    assert isinstance(error, APIError)
    assert (error.status, error.code, error.message) == shown
    assert str(error) == "[Segment] {1}: {2} ({0})".format(*shown)
    assert [message["event"] for message in batch] == ["Clicked"]


def test_on_error_gets_what_went_wrong_without_an_answer() -> None:
    """The core's own error, whose cause is the foreign one."""
    told: list[Any] = []
    client, _ = make(OSError("gone"), max_retries=0, on_error=lambda error, _: told.append(error))
    client.track("user", "Clicked")
    client.flush()
    assert isinstance(told[0], DeliveryError)
    assert isinstance(told[0].__cause__, OSError)


def test_sync_mode_sends_in_the_call_and_raises() -> None:
    """Once each, without a retry; the error is the caller's, and not `on_error`'s."""
    told: list[Any] = []
    client, transport = make(200, 500, OSError("gone"), REFUSED, sync_mode=True, on_error=lambda *_: told.append(_))
    assert client.track("user", "Delivered")[0]
    assert len(transport.sent) == 1
    for kind, status in ((APIError, 500), (DeliveryError, None), (APIError, 400)):
        with pytest.raises(kind) as caught:
            client.track("user", "Lost")
        assert caught.value.status == status
    assert (len(transport.sent), told, client.stats.failed, client.queue.empty()) == (4, [], 3, True)


def test_sync_mode_raises_for_a_rate_limit() -> None:
    """It is no reason to hold the caller for as long as the server says."""
    client, transport = make(response(429, {"Retry-After": "60"}), sync_mode=True)
    with pytest.raises(APIError, match="429"):
        client.track("user", "Clicked")
    assert len(transport.sent) == 1


def test_flush_waits_no_longer_than_it_is_told() -> None:
    """Left to itself it waits until everything has its fate."""
    transport = RecordingTransport()
    client = analytics.Client("write-key", transport=transport, upload_interval=1000)
    client.track("user", "Clicked")
    assert not client.flush(0)
    assert client.flush()
    assert len(transport.messages) == 1
