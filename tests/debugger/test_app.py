"""The local Segment over a real connection: what it takes, what it refuses, and what it does wrong when asked to."""

import gzip
import http.client
import socket
import struct
import time
from collections.abc import Iterator

import gevent
import orjson
import pytest
from servers.local_segment import LocalSegment
from servers.segment_calls import TIME, batch, headers, message

from segment_gevent.debugger.connection import Connection
from segment_gevent.events.message import TYPES


@pytest.fixture
def connection(segment_server: LocalSegment) -> Iterator[Connection]:
    """A keep-alive connection to the local Segment, as a client has one."""
    with Connection(segment_server.url, timeout=20) as connection:
        yield connection


@pytest.fixture
def lenient_server() -> Iterator[LocalSegment]:
    """A local Segment that takes what is wrong, and says so."""
    with LocalSegment(strict=False) as server:
        yield server


def post(connection: Connection, *messages: object, path: str = "/v1/batch", **more: str) -> int:
    return connection.request("POST", path, batch(*messages), headers(**more))[0]


def test_a_batch_arrives(segment_server: LocalSegment, connection: Connection) -> None:
    """It is answered as Segment answers, and its messages can be read, in order."""
    status, answer = connection.request("POST", "/v1/batch", batch(message(1), message(2)), headers())
    assert (status, orjson.loads(answer)) == (200, {"success": True})
    assert segment_server.messages() == [message(1), message(2)]


def test_gzip_arrives(segment_server: LocalSegment, connection: Connection) -> None:
    """The journal tells both sizes."""
    plain = batch(message(1))
    body = gzip.compress(plain)
    assert connection.request("POST", "/v1/batch", body, headers(Content_Encoding="gzip"))[0] == 200
    (request,) = segment_server.requests()
    assert (request["size"], request["inflated"]) == (len(body), len(plain))


def test_all_single_calls_arrive(segment_server: LocalSegment, connection: Connection) -> None:
    """identify, track, page, screen, group and alias, each at its own path."""
    for kind in TYPES:
        fields = message(messageId=kind, type=kind, groupId="acme", previousId="before", sentAt=TIME)
        assert connection.request("POST", f"/v1/{kind}", orjson.dumps(fields), headers())[0] == 200
    assert segment_server.summary()["byType"] == dict.fromkeys(TYPES, 1)


def test_a_chunked_body_arrives(segment_server: LocalSegment) -> None:
    """Content-Length is not needed."""
    body = batch(message(1))
    lines = [f"{name}: {value}" for name, value in headers().items()]
    head = "\r\n".join(["POST /v1/batch HTTP/1.1", "Host: local", "Transfer-Encoding: chunked", *lines, "", ""])
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with socket.create_connection(("127.0.0.1", segment_server.port), timeout=20) as raw:
        raw.sendall(head.encode() + chunks)
        assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert segment_server.summary()["valid"] == 1


def test_a_repeat_is_marked(segment_server: LocalSegment, connection: Connection) -> None:
    """The second arrival of a messageId is a duplicate; the first is not."""
    post(connection, message(1))
    post(connection, message(1))
    assert [event["duplicate"] for event in segment_server.events()] == [True, False]
    assert segment_server.summary()["duplicates"] == 1


def test_a_strict_server_refuses_a_batch_with_a_bad_message(
    segment_server: LocalSegment, connection: Connection
) -> None:
    """400 with the reasons; the bad message can be read, the good ones did not arrive."""
    status, answer = connection.request("POST", "/v1/batch", batch(message(1), message(2, event="")), headers())
    assert status == 400
    assert orjson.loads(answer)["problems"] == ["message 1: event is empty"]
    assert [event["message"]["messageId"] for event in segment_server.events()] == ["id-2"]
    assert segment_server.requests()[0]["problems"] == ["message 1: event is empty"]
    assert post(connection, message(1)) == 200
    assert segment_server.summary()["duplicates"] == 0


def test_a_lenient_server_takes_a_bad_message_and_says_what_is_wrong(lenient_server: LocalSegment) -> None:
    """As Segment does with nearly everything, but telling."""
    with Connection(lenient_server.url) as connection:
        assert post(connection, message(1), message(2, event="")) == 200
    assert lenient_server.messages(valid=False) == [message(2, event="")]
    assert lenient_server.events(valid=False)[0]["problems"] == ["event is empty"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/v2/import", 404), ("GET", "/v1/batch", 405), ("PUT", "/v1/track", 405)],
)
def test_other_paths_and_methods_are_refused_and_recorded(
    segment_server: LocalSegment, connection: Connection, method: str, path: str, status: int
) -> None:
    """A client that is set up wrong finds its request in the journal."""
    assert connection.request(method, path)[0] == status
    (request,) = segment_server.requests()
    assert (request["method"], request["path"], request["status"]) == (method, path, status)


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b""])
def test_a_body_that_is_no_json_object_is_400(connection: Connection, body: bytes) -> None:
    """On a lenient server as well: there is nothing to take."""
    status, answer = connection.request("POST", "/v1/batch", body, headers())
    assert status == 400
    assert orjson.loads(answer)["error"]


def test_a_body_without_end_is_answered_and_cut_off(segment_server: LocalSegment) -> None:
    """The client gets its 413 while it still sends, and then no more of the server's time."""
    lines = [f"{name}: {value}" for name, value in headers().items()]
    head = "\r\n".join(["POST /v1/batch HTTP/1.1", "Host: local", "Content-Length: 99999999999", *lines, "", ""])
    with socket.create_connection(("127.0.0.1", segment_server.port), timeout=20) as raw:
        raw.sendall(head.encode())
        raw.sendall(bytes(9 * 1024 * 1024))
        answer = raw.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_browsers_may_send_but_not_read(connection: Connection, segment_server: LocalSegment) -> None:
    """The intake answers a preflight and allows every origin; what arrived is for no other origin to read."""
    raw = http.client.HTTPConnection("127.0.0.1", segment_server.port, timeout=20)
    raw.request("OPTIONS", "/v1/track", headers={"Origin": "https://shop.example"})
    preflight = raw.getresponse()
    preflight.read()
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "content-type" in preflight.headers["Access-Control-Allow-Headers"]
    raw.request("POST", "/v1/batch", batch(message(1)), headers())
    answer = raw.getresponse()
    answer.read()
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    raw.request("GET", "/_/events")
    assert "Access-Control-Allow-Origin" not in raw.getresponse().headers
    raw.close()


def test_the_journal_tells_what_a_request_was(segment_server: LocalSegment, connection: Connection) -> None:
    """Path, count, retry count, sentAt, status; the write key nowhere."""
    post(connection, message(1), message(2), path="/proxy/v1/batch", write_key="key", X_Retry_Count="2")
    (request,) = segment_server.requests()
    assert request["path"] == "/proxy/v1/batch"
    assert (request["count"], request["retryCount"], request["sentAt"]) == (2, 2, TIME)
    assert (request["status"], request["problems"], request["fault"]) == (200, [], None)
    assert request["headers"]["Authorization"] == "Basic ***"


def test_a_status_fault_refuses_one_request(segment_server: LocalSegment, connection: Connection) -> None:
    """Its messages do not arrive; the next request goes well and is no duplicate."""
    segment_server.faults([{"status": 429, "headers": {"Retry-After": "7"}}])
    raw = http.client.HTTPConnection("127.0.0.1", segment_server.port, timeout=20)
    raw.request("POST", "/v1/batch", batch(message(1)), headers())
    answer = raw.getresponse()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    raw.close()
    assert post(connection, message(1)) == 200
    assert segment_server.summary() | {"byType": 0, "byEvent": 0} == {
        "total": 1,
        "valid": 1,
        "invalid": 0,
        "duplicates": 0,
        "requests": 2,
        "byType": 0,
        "byEvent": 0,
    }
    assert [request["fault"] for request in segment_server.requests()] == [
        {"status": 429, "headers": {"Retry-After": "7"}},
        None,
    ]


@pytest.mark.parametrize("status", [200, 202, 204, 304, 460, 503])
def test_any_status_can_be_asked_for(segment_server: LocalSegment, connection: Connection, status: int) -> None:
    """Unnamed ones and those without a body too; the connection stays good."""
    segment_server.faults([{"status": status}])
    assert post(connection, message(1)) == status
    assert post(connection, message(2)) == 200


@pytest.mark.parametrize(("drop", "arrived"), [("before", 0), ("after", 1)])
def test_a_dropped_connection(segment_server: LocalSegment, connection: Connection, drop: str, arrived: int) -> None:
    """No byte of an answer comes; the messages arrived or did not, as was asked."""
    segment_server.faults([{"drop": drop}])
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        post(connection, message(1))
    segment_server.wait_for(requests=1)
    assert segment_server.summary()["total"] == arrived
    assert segment_server.requests()[0]["status"] is None


def test_a_dropped_connection_over_tls(segment_server_tls: LocalSegment) -> None:
    """TLS has no say in it."""
    segment_server_tls.faults([{"drop": "after"}])
    with (
        Connection(segment_server_tls.url, cafile=segment_server_tls.cafile) as connection,
        pytest.raises((http.client.RemoteDisconnected, OSError)),
    ):
        post(connection, message(1))
    assert segment_server_tls.summary()["total"] == 1


def test_a_delayed_answer_is_given_after_its_delay(segment_server: LocalSegment, connection: Connection) -> None:
    """The messages are taken all the same."""
    segment_server.faults([{"delay": 0.2}])
    began = time.monotonic()
    assert post(connection, message(1)) == 200
    assert time.monotonic() - began >= 0.2
    assert segment_server.summary()["total"] == 1


def test_a_held_answer_comes_with_its_release(segment_server: LocalSegment, connection: Connection) -> None:
    """The server withholds it for as long as it takes, and serves others meanwhile."""
    segment_server.faults([{"hold": True}])
    answer = gevent.spawn(post, connection, message(1))
    segment_server.wait_for(1, held=1)
    with Connection(segment_server.url) as other:
        assert post(other, message(2)) == 200
    assert not answer.ready()
    assert segment_server.requests()[0]["status"] is None
    assert segment_server.release() == 1
    assert answer.get(timeout=20) == 200


def test_reset_forgets_and_releases(segment_server: LocalSegment, connection: Connection) -> None:
    """The next test begins with nothing: no events, requests, faults or held answers."""
    segment_server.faults([{"hold": True}, {"status": 500}])
    answer = gevent.spawn(post, connection, message(1))
    segment_server.wait_for(held=1)
    segment_server.reset()
    answer.get(timeout=20)
    assert segment_server.summary() == {
        "total": 0,
        "valid": 0,
        "invalid": 0,
        "duplicates": 0,
        "requests": 0,
        "byType": {},
        "byEvent": {},
    }
    assert segment_server.ask("GET", "/_/faults") == []
    assert post(connection, message(1)) == 200


def test_a_client_that_resets_its_connection_harms_nobody(segment_server: LocalSegment) -> None:
    """The server goes on."""
    with socket.create_connection(("127.0.0.1", segment_server.port), timeout=20) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.sendall(b"POST /v1/batch HTTP/1.1\r\nHost: local\r\nContent-Length: 100\r\n\r\n{")
    assert segment_server.summary()["total"] == 0
