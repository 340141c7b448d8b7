"""Callbacks: what they are told, in which order, and that nothing they do harms delivery."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import gevent
import pytest
import requests
from gevent.event import Event

from segment_gevent import Client, DeliveryError
from segment_gevent.testing import Hold, RecordingTransport, ScriptedTransport, response

MakeClient = Callable[..., Client]
LONG = 3_600


def test_on_success_gets_the_payload_and_the_answer(make_client: MakeClient) -> None:
    """Once a batch: a dict with its `batch` and `sentAt`, without the write key, and a requests.Response."""
    told: list[tuple[dict[str, Any], requests.Response]] = []
    transport = ScriptedTransport(response(200, {"X-Request-Id": "7"}))
    client = make_client(transport=transport)
    client.on_success(lambda data, answer: told.append((data, answer)))
    client.track("s", event="A")
    client.track("s", event="B")
    assert client.flush() is True
    ((data, answer),) = told
    payload = transport.sent[0].payload
    assert payload.pop("writeKey") == "write-key"
    assert data == payload
    assert (answer.status_code, answer.headers["x-request-id"]) == (200, "7")


def test_on_failure_gets_the_payload_and_the_error(make_client: MakeClient) -> None:
    """Once a batch, after its last try: the data of that try, and a DeliveryError that tells all."""
    told: list[tuple[dict[str, Any], DeliveryError]] = []
    transport = ScriptedTransport(503, response(400, content=b"no"))
    client = make_client(transport=transport, log=False)
    client.on_failure(lambda data, error: told.append((data, error)))
    client.track("s", event="A")
    assert client.flush() is False
    ((data, error),) = told
    assert (error.status, error.reason, error.attempts) == (400, "status", 2)
    assert error.response is not None
    assert error.response.content == b"no"
    assert data["sentAt"] == transport.sent[1].payload["sentAt"]
    assert "writeKey" not in data


def test_on_drop_gets_each_message_and_its_reason(make_client: MakeClient) -> None:
    """Refused or abandoned: the message as it would have been sent."""
    told: list[tuple[str, str]] = []
    client = make_client(transport=ScriptedTransport(Hold()), max_queue_size=1, log=False)
    client.on_drop(lambda message, reason: told.append((message["event"], reason)))
    client.track("s", event="in flight")
    gevent.idle()
    client.track("s", event="waits")
    client.track("s", event="too many")
    client.track("s", event="too large", properties={"x": "y" * 40_000})
    assert client.shutdown(0) is False
    client.track("s", event="late")
    gevent.idle()
    assert told == [
        ("too many", "queue_full"),
        ("too large", "too_large"),
        ("in flight", "shutdown"),
        ("waits", "shutdown"),
        ("late", "closed"),
    ]


def test_several_are_called_in_the_order_of_registration(make_client: MakeClient) -> None:
    """They work as decorators, which leave the function as it is."""
    told: list[str] = []
    client = make_client(transport=RecordingTransport())

    @client.on_success
    def first(data: dict[str, Any], answer: requests.Response) -> None:
        told.append("first")

    @client.on_success
    def second(data: dict[str, Any], answer: requests.Response) -> None:
        told.append("second")

    assert (first.__name__, second.__name__) == ("first", "second")
    client.track("s", event="A")
    client.flush()
    assert told == ["first", "second"]


def test_batches_are_told_in_the_order_of_their_fates(make_client: MakeClient) -> None:
    """And `flush` returns when all it waited for were told."""
    told: list[str] = []
    client = make_client(transport=ScriptedTransport(200, 400, 200), flush_at=1, log=False)
    client.on_success(lambda data, answer: told.append(f"success {data['batch'][0]['event']}"))
    client.on_failure(lambda data, error: told.append(f"failure {data['batch'][0]['event']}"))
    for event in "ABC":
        client.track("s", event=event)
        client.flush()
    assert told == ["success A", "failure B", "success C"]


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("raised", [ValueError("x"), KeyError("x"), RecursionError(), AssertionError()])
def test_a_callback_that_raises_harms_nothing(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture, raised: Exception, mode: bool
) -> None:
    """It is logged once, called again with the next batch, and those after it are called too."""
    told: list[str] = []

    def broken(data: object, answer: object) -> None:
        told.append("broken")
        raise raised

    client = make_client(transport=RecordingTransport(), async_=mode)
    client.on_success(broken)
    client.on_success(lambda data, answer: told.append("sound"))
    for event in "AB":
        client.track("s", event=event)
        assert client.flush() is True
    assert told == ["broken", "sound", "broken", "sound"]
    lines = [record for record in caplog.records if record.name == "segment_gevent"]
    assert [record.levelno for record in lines] == [logging.ERROR]
    assert "broken" in lines[0].getMessage()
    assert lines[0].exc_info is not None
    assert lines[0].exc_info[1] is raised


def test_a_callbacks_time_out_harms_nothing(make_client: MakeClient) -> None:
    """A gevent.Timeout is no Exception: it ends the callback and nothing else."""
    told: list[str] = []

    def slow(data: object, answer: object) -> None:
        with gevent.Timeout(0.01):
            Event().wait()

    client = make_client(transport=RecordingTransport(), log=False)
    client.on_success(slow)
    client.on_success(lambda data, answer: told.append("after"))
    client.track("s", event="A")
    assert client.flush() is True
    client.track("s", event="B")
    assert client.flush() is True
    assert told == ["after", "after"]


@pytest.mark.parametrize("raised", [gevent.GreenletExit(), gevent.GreenletExit, SystemExit(3)])
def test_a_callback_that_ends_its_greenlet_harms_nothing(make_client: MakeClient, raised: Any) -> None:
    """The next batch's callbacks run in another."""
    told: list[str] = []

    def ends(data: dict[str, Any], answer: object) -> None:
        told.append(data["batch"][0]["event"])
        raise raised

    client = make_client(transport=RecordingTransport(), log=False, flush_at=1)
    client.on_success(ends)
    for event in "ABC":
        client.track("s", event=event)
        assert client.flush() is True
    assert told == ["A", "B", "C"]


def test_a_callback_that_blocks_holds_up_no_delivery(make_client: MakeClient) -> None:
    """While it waits, cooperatively, batches go on; what was to be told meanwhile is told when it returns."""
    go_on = Event()
    told: list[str] = []

    def blocks(data: dict[str, Any], answer: object) -> None:
        go_on.wait()
        told.append(data["batch"][0]["event"])

    transport = RecordingTransport()
    client = make_client(transport=transport, flush_at=1)
    client.on_success(blocks)
    for number, event in enumerate("ABC"):
        client.track("s", event=event)
        transport.wait_for(number + 1)
    gevent.idle()
    assert (client.stats.delivered, told) == (3, [])
    go_on.set()
    assert client.flush() is True
    assert told == ["A", "B", "C"]


def test_a_callback_that_blocks_for_ever_hangs_neither_flush_nor_shutdown(make_client: MakeClient) -> None:
    """Both end at their time-out, and answer what became of the messages."""
    client = make_client(transport=RecordingTransport())
    end_of_test = Event()
    client.on_success(lambda data, answer: end_of_test.wait())
    client.track("s", event="A")
    assert client.flush(0.05) is True
    client.track("s", event="B")
    assert client.shutdown(0.05) is True
    assert client.stats.delivered == 2
    end_of_test.set()


def test_reports_that_wait_behind_a_blocked_callback_are_bounded(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Past `max_queue_bytes` they are left out, which is said once; no message is lost with them."""
    go_on = Event()
    told: list[int] = []

    def blocks(data: dict[str, Any], answer: object) -> None:
        go_on.wait()
        told.append(len(data["batch"]))

    transport = RecordingTransport()
    client = make_client(transport=transport, flush_at=1, max_queue_bytes=3_000)
    client.on_success(blocks)
    for number in range(50):
        client.track("s", event="E")
        transport.wait_for(number + 1)
    gevent.idle()
    assert client.stats.delivered == 50
    go_on.set()
    assert client.flush() is True
    assert 1 <= len(told) < 15
    lines = [record.getMessage() for record in caplog.records if record.name == "segment_gevent"]
    assert len(lines) == 1
    assert "a callback takes too long" in lines[0]
    client.track("s", event="E")
    assert client.flush() is True
    assert told[-1] == 1


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("call", ["flush", "shutdown", "track"])
def test_a_callback_may_call_the_client(make_client: MakeClient, call: str, mode: bool) -> None:
    """flush, shutdown and track from inside a callback end by themselves, and at once."""
    answers: list[bool] = []
    transport = RecordingTransport()
    client = make_client(transport=transport, async_=mode, flush_at=1)

    def calls(data: dict[str, Any], answer: object) -> None:
        if data["batch"][0]["event"] == "outer":
            inner = client.track("s", event="inner") if call == "track" else getattr(client, call)()
            answers.append(inner)

    client.on_success(calls)
    client.track("s", event="outer")
    with gevent.Timeout(10):
        client.flush()
        transport.wait_for(2 if call == "track" else 1)
    assert answers == [True]


def test_a_callback_may_flush_what_it_tracked(make_client: MakeClient) -> None:
    """The flusher is another greenlet: nobody waits for himself."""
    transport = RecordingTransport()
    client = make_client(transport=transport, flush_after=LONG)
    answers: list[bool] = []

    @client.on_success
    def again(data: dict[str, Any], answer: object) -> None:
        if data["batch"][0]["event"] == "outer":
            client.track("s", event="inner")
            answers.append(client.flush(10))

    client.track("s", event="outer")
    with gevent.Timeout(10):
        assert client.flush() is True
    assert answers == [True]
    assert [message["event"] for message in transport.messages] == ["outer", "inner"]


def test_on_drop_may_track_into_a_full_queue(make_client: MakeClient) -> None:
    """Which drops again; that is no endless loop in one greenlet's turn, and shutdown ends it."""
    client = make_client(transport=ScriptedTransport(Hold()), max_queue_size=1, log=False)
    client.on_drop(lambda message, reason: client.track("s", event="again"))
    for _ in range(3):
        client.track("s", event="E")
    with gevent.Timeout(10):
        client.shutdown(0)


def test_payloads_are_decoded_only_if_someone_listens(make_client: MakeClient) -> None:
    """Who registers later hears of later batches."""
    told: list[object] = []
    client = make_client(transport=RecordingTransport())
    client.track("s", event="A")
    client.flush()
    client.on_success(lambda data, answer: told.append(data["batch"][0]["event"]))
    client.track("s", event="B")
    client.flush()
    assert told == ["B"]


def test_callbacks_run_in_the_home_hub(make_client: MakeClient) -> None:
    """Also for what another native thread tracked and flushed: they may use what belongs to the home's greenlets."""
    threads: list[int] = []
    client = make_client(transport=RecordingTransport())
    client.on_success(lambda data, answer: threads.append(threading.get_ident()))
    answers: list[bool] = []

    def work() -> None:
        client.track("s", event="E")
        answers.append(client.flush(10))

    gevent.get_hub().threadpool.apply(work)
    assert answers == [True]
    assert threads == [threading.get_ident()]
