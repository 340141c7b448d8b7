"""The client's calls: what each sends, what it answers, what it refuses, and that it costs the caller nothing else."""

from __future__ import annotations

import gc
import inspect
import weakref
from collections.abc import Callable
from typing import Any
from uuid import UUID

import gevent
import greenlet
import pytest
from gevent.event import Event
from living import living_greenlets

import segment_gevent as segment
from segment_gevent import Client, Stats, ValidationError
from segment_gevent.events.problems import problems
from segment_gevent.testing import Hold, RecordingTransport, ScriptedTransport

MakeClient = Callable[..., Client]

SHARED = ["context", "timestamp", "integrations", "message_id"]
CALLS = {
    "identify": (["session_id", "user_id", "traits"], SHARED),
    "track": (["session_id", "user_id", "event", "properties"], SHARED),
    "page": (["session_id", "user_id", "name", "properties"], ["category", *SHARED]),
    "screen": (["session_id", "user_id", "name", "properties"], ["category", *SHARED]),
    "group": (["session_id", "user_id", "group_id", "traits"], SHARED),
    "alias": (["previous_id", "user_id"], SHARED),
}
COUNTS = {
    "identify": "identifies",
    "track": "tracks",
    "page": "pages",
    "screen": "screens",
    "group": "groups",
    "alias": "aliases",
}
GOOD_CALLS: dict[str, dict[str, Any]] = {
    "identify": {"user_id": "u"},
    "track": {"user_id": "u", "event": "E"},
    "page": {"user_id": "u"},
    "screen": {"user_id": "u"},
    "group": {"user_id": "u", "group_id": "g"},
    "alias": {"previous_id": "s", "user_id": "u"},
}


def sent_by(call: Callable[[Client], object]) -> dict[str, Any]:
    """The one message that a call has sent."""
    transport = RecordingTransport()
    with Client("write-key", transport=transport) as client:
        assert call(client) is True
    (message,) = transport.messages
    assert problems(message, strict=True) == []
    return message


@pytest.mark.parametrize("call", CALLS)
def test_a_call_has_a_real_signature(call: str) -> None:
    """Editors and type checkers show each argument; all may be left out or named."""
    by_position, by_name = CALLS[call]
    parameters = list(inspect.signature(getattr(Client, call)).parameters.values())[1:]
    assert [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD] == by_position
    assert [each.name for each in parameters if each.kind is each.KEYWORD_ONLY] == by_name
    assert {each.default for each in parameters} == {None}
    assert len(parameters) == len(by_position) + len(by_name)


def test_each_call_sends_its_message() -> None:
    """The fields of the six types, by position as the seed had them."""
    expected: list[tuple[Callable[[Client], object], dict[str, Any]]] = [
        (lambda c: c.identify("s", "u", {"plan": "free"}), {"type": "identify", "traits": {"plan": "free"}}),
        (
            lambda c: c.track("s", "u", "Bought", {"price": 1}),
            {"type": "track", "event": "Bought", "properties": {"price": 1}},
        ),
        (
            lambda c: c.page("s", "u", "Home", {"a": 1}, category="Docs"),
            {
                "type": "page",
                "name": "Home",
                "category": "Docs",
                "properties": {"a": 1, "name": "Home", "category": "Docs"},
            },
        ),
        (
            lambda c: c.screen("s", "u", "Main"),
            {"type": "screen", "name": "Main", "properties": {"name": "Main"}},
        ),
        (
            lambda c: c.group("s", "u", "g", {"size": 3}),
            {"type": "group", "groupId": "g", "traits": {"size": 3}},
        ),
    ]
    for call, fields in expected:
        message = sent_by(call)
        for generated in ("messageId", "timestamp", "context"):
            message.pop(generated)
        assert message == {**fields, "anonymousId": "s", "userId": "u"}


def test_alias_says_that_two_ids_are_one() -> None:
    """It has no anonymousId: the earlier id is `previousId`."""
    message = sent_by(lambda client: client.alias("before", "after"))
    assert (message["previousId"], message["userId"]) == ("before", "after")
    assert "anonymousId" not in message


@pytest.mark.parametrize(
    ("given", "sent"),
    [("ilya", "ilya"), (0, "0"), (7.5, "7.5"), (UUID(int=1), "00000000-0000-0000-0000-000000000001")],
)
def test_ids_are_sent_as_strings(given: Any, sent: str) -> None:
    """Numbers, 0 included, and UUIDs are ids too."""
    message = sent_by(lambda client: client.track(given, given, "E"))
    assert (message["anonymousId"], message["userId"]) == (sent, sent)


def test_what_all_calls_share_arrives() -> None:
    """context, timestamp, integrations and message_id stand in the message; the library is told beside the context."""
    message = sent_by(
        lambda client: client.track(
            "s",
            event="E",
            context={"ip": "::1"},
            timestamp="2026-11-23T15:19:40.388+01:00",
            integrations={"All": False},
            message_id="mine",
        )
    )
    assert message["timestamp"] == "2026-11-23T14:19:40.388Z"
    assert (message["integrations"], message["messageId"]) == ({"All": False}, "mine")
    assert message["context"] == {"ip": "::1", "library": {"name": "segment-gevent", "version": segment.__version__}}


def test_message_ids_differ() -> None:
    """Each call makes its own: the server drops a repeat."""
    transport = RecordingTransport()
    with Client("write-key", transport=transport) as client, Client("write-key", transport=transport) as other:
        for _ in range(100):
            client.track("s", event="E")
            other.track("s", event="E")
    ids = [message["messageId"] for message in transport.messages]
    assert len(set(ids)) == 200
    assert max(map(len, ids)) < 100


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda c: c.track(), "event is required"),
        (lambda c: c.track(event="E"), "track needs a session_id or a user_id"),
        (lambda c: c.track("", "", "E"), "track needs a session_id or a user_id"),
        (lambda c: c.track("s", event=""), "event must be a non-empty string, not an empty str"),
        (lambda c: c.track("s", event=3), "event must be a non-empty string, not int"),
        (lambda c: c.track("user", "Event", {"price": 1}), "the order here is session_id, user_id, event, properties"),
        (lambda c: c.track("user", "Event"), "the order here is session_id, user_id, event, properties"),
        (lambda c: c.track("s", event="E", properties=[1]), "properties must be a mapping such as a dict, not list"),
        (lambda c: c.track("s", event="E", context="c"), "context must be a mapping"),
        (lambda c: c.track("s", event="E", integrations=["All"]), "integrations must be a mapping"),
        (lambda c: c.track("s", event="E", timestamp=5), "timestamp must be a datetime, a date or a string, not int"),
        (lambda c: c.track("s", event="E", timestamp="soon"), "timestamp of type str cannot be read"),
        (lambda c: c.track("s", event="E", message_id="x" * 100), "message_id must be a non-empty string under 100"),
        (lambda c: c.track("s", event="E", message_id=3), "message_id must be .*, not int"),
        (lambda c: c.identify(True, "u"), "session_id must be a string, a finite number or a UUID, not bool"),
        (lambda c: c.identify("s", float("nan")), "user_id must be a string, a finite number or a UUID, not float"),
        (lambda c: c.identify("s", {"plan": "free"}), "user_id .*dict; the order here is session_id, user_id"),
        (lambda c: c.identify("s", "u", "traits"), "traits must be a mapping"),
        (lambda c: c.page("s", name=3), "name must be a string, not int"),
        (lambda c: c.screen("s", category=3), "category must be a string, not int"),
        (lambda c: c.group("s"), "group_id is required"),
        (lambda c: c.alias("s"), "user_id is required"),
        (lambda c: c.alias(None, "u"), "previous_id is required"),
    ],
)
def test_a_wrong_argument_is_a_validation_error_that_counts_nothing(
    make_client: MakeClient, call: Callable[[Client], object], text: str
) -> None:
    """The caller's mistake raises at once and names the argument and the value's type, in a disabled client too."""
    for client in (make_client(transport=RecordingTransport()), make_client(enabled=False)):
        with pytest.raises(ValidationError, match=text):
            call(client)
        assert client.stats == Stats()


def test_an_unknown_argument_is_a_type_error(make_client: MakeClient) -> None:
    """Real signatures: nothing is swallowed by `**kwargs`."""
    with pytest.raises(TypeError, match="anonymous_id"):
        make_client(enabled=False).track("s", event="E", anonymous_id="a")


@pytest.mark.parametrize("call", CALLS)
def test_each_call_is_counted_by_its_type(make_client: MakeClient, call: str) -> None:
    """A call counts as submitted, and under its own name."""
    client = make_client(transport=RecordingTransport())
    assert getattr(client, call)(**GOOD_CALLS[call]) is True
    assert client.flush()
    stats = client.stats
    assert (stats.submitted, stats.delivered, stats.successful, stats.pending) == (1, 1, 1, 0)
    assert {name: getattr(stats, name) for name in COUNTS.values()} == {
        name: int(name == COUNTS[call]) for name in COUNTS.values()
    }


def sized(size: int) -> dict[str, Any]:
    """Arguments of a track call whose message has just so many bytes."""
    arguments = {"session_id": "s", "event": "E", "timestamp": "2026-11-23T15:19:40.388Z", "message_id": "m"}
    transport = RecordingTransport()
    with Client("k", transport=transport) as client:
        client.track(**arguments, properties={"x": ""})
    envelope = b'{"batch":[],"sentAt":"2026-11-23T15:19:40.388Z","writeKey":"k"}'
    return {**arguments, "properties": {"x": "x" * (size - len(transport.sent[0].body) + len(envelope))}}


def test_a_message_of_32768_bytes_is_accepted_and_one_more_is_refused(make_client: MakeClient) -> None:
    """The API's limit for one message, to the byte; the refused one is told to on_drop."""
    dropped: list[tuple[dict[str, Any], str]] = []
    client = make_client(transport=RecordingTransport())
    client.on_drop(lambda message, reason: dropped.append((message, reason)))
    assert client.track(**sized(32_768)) is True
    assert client.track(**sized(32_769)) is False
    client.flush()
    stats = client.stats
    assert (stats.submitted, stats.delivered, stats.dropped) == (2, 1, 1)
    assert dict(stats.dropped_by_reason) == {"too_large": 1}
    ((message, reason),) = dropped
    assert (len(message["properties"]["x"]) > 32_000, reason) == (True, "too_large")


def test_a_full_queue_refuses_the_newest(make_client: MakeClient) -> None:
    """Those in flight do not count; what was refused is counted, and told to on_drop."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make_client(transport=transport, max_queue_size=2, flush_after=3600)
    dropped: list[str] = []
    client.on_drop(lambda message, reason: dropped.append(message["event"]))
    assert client.track("s", event="in flight")
    hold.arrived.wait()
    assert [client.track("s", event=str(number)) for number in range(4)] == [True, True, False, False]
    hold.release()
    assert client.flush() is True
    assert [message["event"] for message in transport.messages] == ["in flight", "0", "1"]
    assert (client.stats.delivered, dict(client.stats.dropped_by_reason)) == (3, {"queue_full": 2})
    assert dropped == ["2", "3"]


def test_a_closed_client_refuses(make_client: MakeClient) -> None:
    """After shutdown a call is False, counted and reported as dropped; it never raises."""
    dropped: list[str] = []
    client = make_client(transport=RecordingTransport())
    client.on_drop(lambda _, reason: dropped.append(reason))
    assert client.shutdown() is True
    assert client.track("s", event="E") is False
    assert (client.stats.submitted, dict(client.stats.dropped_by_reason)) == (1, {"closed": 1})
    gevent.wait(timeout=5)
    assert dropped == ["closed"]


def test_a_disabled_client_counts_and_sends_nothing(make_client: MakeClient) -> None:
    """Its calls answer False, flush and shutdown True."""
    transport = RecordingTransport()
    client = make_client(enabled=False, transport=transport)
    assert client.track("s", event="E") is False
    assert (client.flush(), client.shutdown(), client.flush()) == (True, True, True)
    stats = client.stats
    assert (stats.submitted, stats.tracks, stats.dropped, stats.pending) == (1, 1, 1, 0)
    assert dict(stats.dropped_by_reason) == {"disabled": 1}
    assert transport.sent == []


def test_what_a_caller_changes_after_the_call_changes_nothing(make_client: MakeClient) -> None:
    """The message is what the values were at the call; the caller's own objects stay as they are, too."""
    transport = RecordingTransport()
    client = make_client(transport=transport)
    deep = {"list": [1, {"a": 1}], "when": UUID(int=1)}
    context = {"ip": "::1"}
    integrations = {"All": True}
    client.track("s", event="E", properties=deep, context=context, integrations=integrations)
    client.page("s", name="N", properties=deep)
    assert (context, integrations) == ({"ip": "::1"}, {"All": True})
    assert deep == {"list": [1, {"a": 1}], "when": UUID(int=1)}
    deep["list"][1]["a"] = 2  # type: ignore[index]
    deep["list"].append(3)  # type: ignore[union-attr]
    context["ip"] = "changed"
    integrations.clear()
    client.flush()
    track, page = transport.messages
    assert track["properties"]["list"] == page["properties"]["list"] == [1, {"a": 1}]
    assert (track["context"]["ip"], track["integrations"]) == ("::1", {"All": True})


def test_a_call_never_switches_greenlets(make_client: MakeClient) -> None:
    """A thousand calls, refused ones and those past the threshold included, and no other greenlet has run."""
    client = make_client(transport=RecordingTransport(), max_queue_size=500, log=False)
    client.on_drop(lambda message, reason: None)
    switches: list[object] = []
    gc.collect()
    gc.disable()  # what it frees may be a greenlet of another test, which is switched to for its end
    before = greenlet.settrace(lambda event, args: switches.append(args))
    try:
        accepted = [client.track("s", event="E") for _ in range(1000)]
        assert client.stats.submitted == 1000
        repr(client)
        client.hasten()
    finally:
        greenlet.settrace(before)
        gc.enable()
    assert switches == []
    assert sum(accepted) == 500


def test_a_call_in_the_hub_is_accepted(make_client: MakeClient) -> None:
    """Callbacks of the event loop cannot wait: nothing here tries to, with `async_=False` neither."""
    answers: list[Any] = []
    transports = [RecordingTransport(), RecordingTransport()]
    clients = [make_client(transport=each, async_=mode) for each, mode in zip(transports, (True, False), strict=True)]
    for client in clients:
        done = Event()

        def in_hub(client: Client = client, done: Event = done) -> None:
            answers.extend([client.track("s", event="E"), client.flush(), client.stats.pending])
            done.set()

        gevent.get_hub().loop.run_callback(in_hub)
        assert done.wait(5)
    assert answers == [True, False, 1] * 2
    for transport in transports:
        transport.wait_for(1)


def test_shutdown_in_the_hub_is_done_a_little_later(make_client: MakeClient) -> None:
    """It answers False there, and delivers all the same."""
    transport = RecordingTransport()
    client = make_client(transport=transport)
    client.track("s", event="E")
    answers: list[bool] = []
    gevent.get_hub().loop.run_callback(lambda: answers.append(client.shutdown()))
    transport.wait_for(1)
    assert answers == [False]
    assert client.track("s", event="E") is False


def test_a_client_is_a_context_manager() -> None:
    """Its end is `shutdown()`: what was tracked is delivered, also when the block raises."""
    transport = RecordingTransport()

    class OopsError(Exception):
        pass

    with pytest.raises(OopsError), Client("write-key", transport=transport) as client:  # noqa: PT012
        client.track("s", event="E")
        raise OopsError
    assert (len(transport.messages), transport.closed) == (1, 1)
    assert client.track("s", event="E") is False


def test_a_new_client_has_done_nothing(make_client: MakeClient) -> None:
    """Zeros, no flusher, and a flush that is trivially true, without a switch to the hub."""
    client = make_client(transport=RecordingTransport())
    assert client.stats == Stats()
    assert client.flush() is True
    assert client.stats.flusher_alive is False


def test_neither_repr_shows_the_write_key() -> None:
    """What is logged with `%r` is no leak."""
    with Client("hunter2", transport=RecordingTransport()) as client:
        client.track("s", event="E")
        assert repr(client) == "<Client of https://api.segment.io, 1 pending>"
        assert "hunter2" not in repr(client.options) + repr(client.stats)


def test_a_dropped_client_still_delivers() -> None:
    """Messages are held even if nobody holds the client."""
    transport = RecordingTransport()
    client = Client("write-key", transport=transport, flush_after=0.01)
    client.track("s", event="first, at once")
    transport.wait_for(1)
    client.track("s", event="waits for the timer")
    del client
    gc.collect()
    transport.wait_for(2)
    assert [message["event"] for message in transport.messages] == ["first, at once", "waits for the timer"]


@pytest.mark.parametrize("mode", [True, False])
def test_an_idle_dropped_client_is_collected(mode: bool) -> None:
    """With it end its greenlets: a client for each job leaks nothing, and needs no shutdown."""
    before = living_greenlets()
    transport = RecordingTransport()
    client = Client("write-key", transport=transport, flush_after=0.01, async_=mode)
    assert client.track("s", event="E")
    assert client.flush()
    of_client = living_greenlets() - before
    references = [weakref.ref(client), weakref.ref(transport)]
    del client, transport
    with gevent.Timeout(10):
        while any(reference() is not None for reference in references):
            gevent.idle()
            gc.collect()
        gevent.joinall(of_client)
