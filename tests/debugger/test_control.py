"""The control API answers what was asked, and says what it did not understand."""

import gevent
import pytest
from servers.local_segment import LocalSegment
from servers.segment_calls import batch, headers, message

from segment_gevent.debugger.connection import Connection


def send(server: LocalSegment, *messages: object) -> None:
    with Connection(server.url) as connection:
        assert connection.request("POST", "/v1/batch", batch(*messages), headers())[0] == 200


def test_events_are_shaped_for_reading(segment_server: LocalSegment) -> None:
    """Message, validity, problems, duplicate, time of arrival and batch; newest first, with the total."""
    send(segment_server, message(1), message(2))
    answer = segment_server.ask("GET", "/_/events?limit=1")
    assert answer["total"] == 2
    (event,) = answer["events"]
    received_at = event.pop("receivedAt")
    assert received_at.endswith("Z")
    assert event == {"message": message(2), "valid": True, "problems": [], "duplicate": False, "batch": 1}


def test_events_are_filtered(segment_server: LocalSegment) -> None:
    """By what the URL says; special characters survive it."""
    send(segment_server, message(1, event="Grün & Co?"), message(2))
    assert segment_server.messages(event="Grün & Co?") == [message(1, event="Grün & Co?")]
    assert segment_server.messages(user="user-2", type="track", valid=True) == [message(2)]
    assert segment_server.messages(text="nowhere") == []


def test_waiting_ends_when_the_messages_have_come(segment_server: LocalSegment) -> None:
    """A wait that began before they came is woken; one that begins after them returns at once."""
    waiting = gevent.spawn(segment_server.wait_for, 2, requests=1)
    send(segment_server, message(1), message(2))
    waiting.get(timeout=20)
    segment_server.wait_for(2)


def test_waiting_counts_distinct_messages(segment_server: LocalSegment) -> None:
    """A duplicate is not one more, and the error tells how far it got."""
    send(segment_server, message(1), message(1))
    with pytest.raises(TimeoutError, match="'count': 1"):
        segment_server.wait_for(2, timeout=0.05)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/_/nothing", None, 404),
        ("POST", "/_/events", None, 405),
        ("GET", "/_/reset", None, 405),
        ("GET", "/_/events?colour=red", None, 400),
        ("GET", "/_/events?limit=x", None, 400),
        ("GET", "/_/wait?count=-1", None, 400),
        ("GET", "/_/wait?timeout=nan", None, 400),
        ("GET", "/_/requests?offset=1", None, 400),
        ("PUT", "/_/faults", b"{", 400),
        ("PUT", "/_/faults", b"{}", 400),
        ("PUT", "/_/faults", b'[{"status":1}]', 400),
        ("PUT", "/_/faults", b"[" + b" " * 2_000_000 + b"]", 413),
    ],
)
def test_what_is_not_understood_is_refused_with_a_reason(
    segment_server: LocalSegment, method: str, path: str, body: bytes | None, status: int
) -> None:
    """The status says what kind of mistake it is, the body in words."""
    with Connection(segment_server.url) as connection:
        answer = connection.request(method, path, body)
    assert answer[0] == status
    assert b'"error"' in answer[1]


def test_requests_come_newest_first_up_to_a_limit(segment_server: LocalSegment) -> None:
    """With the number of all."""
    for number in range(3):
        send(segment_server, message(number))
    answer = segment_server.ask("GET", "/_/requests?limit=2")
    assert [request["number"] for request in answer["requests"]] == [3, 2]
    assert answer["total"] == 3


def test_faults_to_come_can_be_read(segment_server: LocalSegment) -> None:
    """As they were asked for, less those used up."""
    segment_server.faults([{"status": 204}, {"drop": "after"}])
    with Connection(segment_server.url) as connection:
        connection.request("POST", "/v1/batch", batch(message(1)), headers())
    assert segment_server.ask("GET", "/_/faults") == [{"drop": "after"}]
