"""One batch's way to its outcome: attempts, what they look like on the wire, and when it is given up."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
import requests

import segment_gevent as segment
from segment_gevent import Client, DeliveryError
from segment_gevent.testing import Hold, RecordingTransport, ScriptedTransport, response

MakeClient = Callable[..., Client]

RETRYABLE = (408, 410, 429, 460, 500, 502, 503, 504, 599)
FINAL = (400, 401, 403, 404, 413, 451, 501, 505, 511)


def failures_of(client: Client) -> list[tuple[dict[str, Any], DeliveryError]]:
    """What on_failure is told from now on."""
    failures: list[tuple[dict[str, Any], DeliveryError]] = []
    client.on_failure(lambda data, error: failures.append((data, error)))
    return failures


def test_a_request_says_who_sends_it(make_client: MakeClient) -> None:
    """Basic credentials of the key and a colon, the key in the body, the library's name; no retry count at first."""
    transport = RecordingTransport()
    client = make_client(transport=transport)
    client.track("s", event="E")
    assert client.flush()
    (sent,) = transport.sent
    assert sent.headers == {
        "Authorization": f"Basic {base64.b64encode(b'write-key:').decode()}",
        "Content-Type": "application/json",
        "User-Agent": f"segment-gevent/{segment.__version__}",
    }
    assert set(sent.payload) == {"batch", "sentAt", "writeKey"}
    assert sent.payload["writeKey"] == "write-key"
    assert client.stats.bytes_sent == len(sent.body)


def test_gzip_says_so_and_unpacks_to_the_same(make_client: MakeClient) -> None:
    """`bytes_sent` counts what went over the wire."""
    transport = RecordingTransport()
    client = make_client(transport=transport, gzip=True, gzip_level=9)
    client.track("s", event="E", properties={"x": "y" * 1_000})
    assert client.flush()
    (sent,) = transport.sent
    assert sent.headers["Content-Encoding"] == "gzip"
    assert sent.messages[0]["properties"] == {"x": "y" * 1_000}
    assert client.stats.bytes_sent == len(sent.body) < 500


@pytest.mark.parametrize("status", RETRYABLE)
def test_a_retryable_status_is_tried_again(make_client: MakeClient, status: int) -> None:
    """The same messages with the same messageIds, and how often they were tried before."""
    transport = ScriptedTransport(
        response(status, {"Retry-After": "0.001"}), response(status, {"Retry-After": "0.001"})
    )
    client = make_client(transport=transport, log=False)
    client.track("s", event="E")
    client.track("s", event="F")
    assert client.flush() is True
    assert [sent.headers.get("X-Retry-Count") for sent in transport.sent] == [None, "1", "2"]
    assert transport.sent[0].messages == transport.sent[1].messages == transport.sent[2].messages
    stats = client.stats
    assert (stats.delivered, stats.failed, stats.batches, stats.retries, stats.last_status) == (2, 0, 1, 2, 200)


@pytest.mark.parametrize("status", [*FINAL, 301, 302, 307, 308])
def test_a_final_status_fails_at_once(make_client: MakeClient, status: int) -> None:
    """One attempt; on_failure is told the answer. A redirect is such a failure: it is never followed."""
    transport = ScriptedTransport(response(status, {"Location": "http://elsewhere.example", "Retry-After": "0"}))
    client = make_client(transport=transport, log=False)
    failures = failures_of(client)
    client.track("s", event="E")
    assert client.flush() is False
    ((data, error),) = failures
    assert (error.status, error.reason, error.attempts) == (status, "status", 1)
    assert isinstance(error.response, requests.Response)
    assert data["batch"][0]["event"] == "E"
    assert "writeKey" not in data
    stats = client.stats
    assert (stats.failed, stats.delivered, stats.pending, stats.last_status) == (1, 0, 0, status)
    assert client.flush() is True


def test_each_attempt_is_sent_at_its_own_time(make_client: MakeClient) -> None:
    """The server corrects wrong clocks by `sentAt`; the messages keep the time of their call."""
    again = response(503, {"Retry-After": "0.001"})

    def answer(_: object) -> object:
        return again if len({each.payload["sentAt"] for each in transport.sent}) < 3 else 200

    transport = ScriptedTransport(answer)
    transport.script *= 100_000
    client = make_client(transport=transport, log=False, max_retries=100_000)
    client.track("s", event="E")
    assert client.flush() is True
    times = [sent.payload["sentAt"] for sent in transport.sent]
    assert times == sorted(times)
    assert len(set(times)) == 3
    assert len({sent.messages[0]["timestamp"] for sent in transport.sent}) == 1


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (DeliveryError("down", reason="connection"), "connection"),
        (DeliveryError("slow", reason="timeout"), "timeout"),
        (ConnectionResetError("reset"), "transport"),
        (ValueError("whatever"), "transport"),
        (RecursionError(), "transport"),
        (gevent.Timeout(0.25), "timeout"),
        (TimeoutError(), "transport"),
        (StopIteration(), "transport"),
    ],
)
def test_whatever_a_transport_raises_is_tried_again_and_then_reported(
    make_client: MakeClient, raised: BaseException, reason: str
) -> None:
    """After the last try a DeliveryError with the original as its cause; the flusher lives."""
    transport = ScriptedTransport(raised, raised)
    client = make_client(transport=transport, log=False, max_retries=1)
    failures = failures_of(client)
    client.track("s", event="E")
    assert client.flush(10) is False
    ((_, error),) = failures
    assert (error.reason, error.status, error.attempts) == (reason, None, 2)
    assert error is raised or error.__cause__ is raised
    client.track("s", event="F")
    assert client.flush(10) is True
    assert client.stats.flusher_alive


@pytest.mark.parametrize(
    "rubbish",
    [
        None,
        "200",
        SimpleNamespace(),
        SimpleNamespace(status_code="200"),
        SimpleNamespace(status_code=None, headers=None),
        SimpleNamespace(status_code=500),
        SimpleNamespace(status_code=500, headers=None, reason=None),
        SimpleNamespace(status_code=500, headers="Retry-After: 0", reason=3),
        SimpleNamespace(status_code=503, headers={"Retry-After": 0}),
        SimpleNamespace(status_code=503, headers={"Retry-After": None}),
    ],
)
def test_a_rubbish_answer_is_a_failure_like_any_other(make_client: MakeClient, rubbish: Any) -> None:
    """A transport of one's own that answers wrongly stops nothing."""
    transport = ScriptedTransport(lambda sent: rubbish, lambda sent: rubbish)
    client = make_client(transport=transport, log=False, max_retries=1)
    failures = failures_of(client)
    client.track("s", event="E")
    assert client.flush(10) is False
    assert [error.attempts for _, error in failures] == [2]
    client.track("s", event="F")
    assert client.flush(10) is True


@pytest.mark.parametrize("answer", [SimpleNamespace(status_code=200), response(204)])
def test_an_answer_needs_no_more_than_a_status(make_client: MakeClient, answer: Any) -> None:
    """Any 2xx is delivered."""
    client = make_client(transport=ScriptedTransport(answer), log=False)
    client.track("s", event="E")
    assert client.flush() is True


def test_no_retry_is_a_number_of_retries(make_client: MakeClient) -> None:
    """`max_retries=0` gives up after the first attempt."""
    transport = ScriptedTransport(503)
    client = make_client(transport=transport, log=False, max_retries=0)
    client.track("s", event="E")
    assert client.flush() is False
    assert len(transport.sent) == 1


def test_a_batch_is_not_tried_again_when_it_has_been_tried_long_enough(make_client: MakeClient) -> None:
    """What the server asks for counts: 60 s would pass `max_retry_duration`, so it is given up at once."""
    transport = ScriptedTransport(response(503, {"Retry-After": "60"}))
    client = make_client(transport=transport, log=False, max_retry_duration=timedelta(seconds=59))
    failures = failures_of(client)
    client.track("s", event="E")
    assert client.flush() is False
    ((_, error),) = failures
    assert (error.status, error.attempts) == (503, 1)


def test_an_attempt_has_a_time_limit_as_a_whole(make_client: MakeClient) -> None:
    """`send_timeout` ends a transport that never returns; its connection is its own to close."""
    transport = ScriptedTransport(Hold(), Hold())
    client = make_client(transport=transport, log=False, max_retries=1, send_timeout=0.02)
    failures = failures_of(client)
    client.track("s", event="E")
    assert client.flush(10) is False
    ((_, error),) = failures
    assert (error.reason, error.attempts, str(error)) == ("timeout", 2, "no answer within 0.02 s")


def test_one_line_says_that_trouble_starts_and_one_that_it_ends(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """However many attempts fail in between."""
    soon = {"Retry-After": "0.001"}
    transport = ScriptedTransport(*[response(503, soon)] * 5, 200, 200, response(500, soon))
    client = make_client(transport=transport, host="http://h:1")
    with caplog.at_level(logging.INFO, "segment_gevent"):
        for _ in range(3):
            client.track("s", event="E")
            assert client.flush() is True
    assert [(record.levelname, record.getMessage()) for record in caplog.records if "segment" in record.name] == [
        ("WARNING", "delivery to http://h:1 fails and is tried again, up to 10 times: the server answered 503"),
        ("INFO", "delivery to http://h:1 works again"),
        ("WARNING", "delivery to http://h:1 fails and is tried again, up to 10 times: the server answered 500"),
        ("INFO", "delivery to http://h:1 works again"),
    ]


def test_the_line_of_a_rate_limit_says_how_long_it_may_last(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """No number of retries is its bound."""
    limited = response(429, {"Retry-After": "0.001"})
    client = make_client(transport=ScriptedTransport(limited, 200), host="http://h:1", max_rate_limit_duration=90)
    client.track("s", event="E")
    assert client.flush() is True
    assert "is tried again, for up to 90 s: the server answered 429" in caplog.text


def test_neither_logs_nor_errors_show_the_write_key(make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    """Not where all goes wrong either, at the most talkative level."""
    caplog.set_level(logging.DEBUG)
    transport = ScriptedTransport(503, ValueError("x"), 400, TypeError("x"), Hold())
    client = make_client(transport=transport, log_level=logging.DEBUG, max_retries=1, max_queue_size=1)
    failures = failures_of(client)
    for _ in range(4):
        client.track("s", event="E")
        client.flush(0.05)
    client.track("s", event="E")
    client.track("s", event="E")
    client.shutdown(0)
    shown = caplog.text + "".join(f"{error!r} {error} {error.__cause__!r}" for _, error in failures) + repr(failures)
    assert len(failures) >= 2
    assert "write-key" not in shown
    assert base64.b64encode(b"write-key:").decode() not in shown


def test_a_silent_client_says_nothing(make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    """`log=False`, whatever happens."""
    caplog.set_level(logging.DEBUG)
    client = make_client(transport=ScriptedTransport(400, 503, Hold()), log=False, max_queue_size=1)
    client.on_failure(lambda data, error: 1 / 0)
    for _ in range(3):
        client.track("s", event="E")
        client.flush(0.05)
        client.track("s", event="E")
    client.shutdown(0)
    assert [record for record in caplog.records if record.name.startswith("segment")] == []
