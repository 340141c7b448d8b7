"""The control API answers what was asked, and says what it did not understand."""

import gzip

import gevent
import pytest
from servers.local_segment import LocalSegment
from servers.segment_calls import batch, headers, message

import segment_gevent
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
    shown = {"id": 2, "valid": True, "problems": [], "duplicate": False, "batch": 1, "retry": 0}
    assert event == {"message": message(2), **shown}


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
        ("GET", "/_/requests?limit=1e300", None, 400),
        ("GET", "/_/requests?offset=1.5", None, 400),
        ("GET", "/_/user?id=u&limit=99999999999999999999", None, 400),
        ("GET", "/_/requests?colour=red", None, 400),
        ("GET", "/_/stream?colour=red", None, 400),
        ("GET", "/_/user", None, 400),
        ("DELETE", "/_/events", None, 405),
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
    assert (answer["total"], answer["kept"]) == (3, 3)


def test_a_slice_may_be_as_large_as_one_likes(segment_server: LocalSegment) -> None:
    """Up to the largest number that SQLite knows, in each list."""
    send(segment_server, message(1, userId="u"))
    largest = f"limit={2**63 - 1}"
    for path, name in (("events?", "events"), ("user?id=u&", "events"), ("requests?", "requests")):
        assert len(segment_server.ask("GET", f"/_/{path}{largest}")[name]) == 1
        assert segment_server.ask("GET", f"/_/{path}{largest}&offset={2**63 - 1}")[name] == []


def test_requests_are_paged_while_more_come(segment_server: LocalSegment) -> None:
    """A page of those up to a number has the same place however many came since."""
    for number in range(5):
        send(segment_server, message(number))
    answer = segment_server.ask("GET", "/_/requests?upto=4&offset=1&limit=2")
    assert [request["number"] for request in answer["requests"]] == [3, 2]


def test_faults_to_come_can_be_read(segment_server: LocalSegment) -> None:
    """As they were asked for, less those used up."""
    segment_server.faults([{"status": 204}, {"drop": "after"}])
    with Connection(segment_server.url) as connection:
        connection.request("POST", "/v1/batch", batch(message(1)), headers())
    assert segment_server.ask("GET", "/_/faults") == [{"drop": "after"}]


def test_faults_are_added_and_taken_away(segment_server: LocalSegment) -> None:
    """PUT replaces, POST appends, DELETE leaves none."""
    segment_server.faults([{"status": 500}])
    assert segment_server.ask("POST", "/_/faults", b'[{"status":429,"times":2}]') == {"waiting": 2}
    assert segment_server.ask("GET", "/_/faults") == [{"status": 500}, {"status": 429, "times": 2}]
    segment_server.ask("DELETE", "/_/faults")
    assert segment_server.ask("GET", "/_/faults") == []


def test_requests_are_told_with_their_client(segment_server: LocalSegment) -> None:
    """What was sent, how it was packed, and how long the answer took; one is found by its number."""
    with Connection(segment_server.url) as connection:
        for number in range(3):
            body = gzip.compress(batch(message(number)))
            more = headers(Content_Encoding="gzip", User_Agent=f"by-hand/{number}")
            connection.request("POST", "/v1/batch", body, more)
    answer = segment_server.ask("GET", "/_/requests?number=2")
    (request,) = answer["requests"]
    assert (request["number"], request["client"], request["encoding"]) == (2, "by-hand/1", "gzip")
    assert request["duration"] >= 0
    assert answer["total"] == 3
    (second,) = segment_server.ask("GET", "/_/requests?offset=1&limit=1")["requests"]
    assert second == request


def test_names_are_listed_with_their_properties(segment_server: LocalSegment) -> None:
    """Of pages too."""
    send(segment_server, message(1), message(2, type="page", name="Home", properties={"title": "Hi"}))
    names = segment_server.ask("GET", "/_/names")["names"]
    assert [(name["type"], name["event"], name["properties"]) for name in names] == [
        ("page", "Home", {"title": {"string": 1}}),
        ("track", "Item Bought", {"price": {"number": 1}}),
    ]
    (page,) = segment_server.events(event="Home")
    assert page["message"]["name"] == "Home"


def test_a_person_is_followed_from_anonymous_to_known(segment_server: LocalSegment) -> None:
    """By what carries both ids, and by alias, over several steps; a stranger's events stay out."""
    known = {"userId": None}
    path = [
        message(1, anonymousId="visitor-1", **known),
        message(2, anonymousId="visitor-1", userId="ada"),
        message(3, userId="ada@example.org", previousId="ada", type="alias"),
        message(4, userId="ada@example.org", anonymousId="phone"),
        message(5, anonymousId="phone", **known),
    ]
    send(segment_server, *path, message(6, userId="stranger"))
    answer = segment_server.ask("GET", "/_/user?id=phone")
    assert answer["ids"] == ["phone", "ada", "ada@example.org", "visitor-1"]
    assert [event["message"]["messageId"] for event in answer["events"]] == [f"id-{number}" for number in range(1, 6)]
    page = segment_server.ask("GET", "/_/user?id=ada&limit=2&offset=1")
    assert page["total"] == 5
    assert [event["message"]["messageId"] for event in page["events"]] == ["id-2", "id-3"]
    assert segment_server.ask("GET", "/_/user?id=nobody") == {"ids": ["nobody"], "events": [], "total": 0}


def test_it_says_what_it_is(segment_server: LocalSegment) -> None:
    """Its version, how it was started, and what it keeps."""
    about = segment_server.ask("GET", "/_/about")
    assert about["version"] == segment_gevent.__version__
    assert (about["strict"], about["plan"], about["db"], about["capacity"]) == (True, False, None, 100_000)
