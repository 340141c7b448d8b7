"""OAuth from end to end: a token server, a local Segment that wants tokens, and a client between the two."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from gevent.event import Event
from servers.http_wire import Peer, Request, WireServer
from servers.oauth_server import CLIENT_ID, KEY_ID, TokenServer, pem, private_key

from segment_gevent import Client, DeliveryError
from segment_gevent.events.problems import problems

MakeClient = Callable[..., Client]


LANES = 5


class Segment(WireServer):
    """Takes batches that carry a token it has not revoked; others get 401, and each of `refusals` is given first.

    Attributes:
        refusals: statuses for the next requests, whatever they carry.
        revoked: tokens that are good no more. The first of five to come with one hears so when all are there, those
            between the first and the last when `has_taken` is set.
        has_taken: set with each batch that is taken.
        taken: the decoded messages of what was taken.
        tokens: the token of each request, in order.
    """

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.refused = 0
        self.are_all_here = Event()
        self.has_taken = Event()
        self.revoked: set[str] = set()
        self.taken: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        super().__init__(self._serve)

    @property
    def host(self) -> str:
        return self.url.removesuffix("/v1/batch")

    def _serve(self, peer: Peer) -> None:
        while request := peer.request():
            peer.answer(status=self._judge(request), Retry_After="0.01")

    def _judge(self, request: Request) -> str:
        scheme, _, token = request.headers["authorization"].partition(" ")
        self.tokens.append(token)
        payload = orjson.loads(request.body)
        assert scheme == "Bearer"
        assert payload["writeKey"] == "write-key"
        assert [wrong for message in payload["batch"] for wrong in problems(message, strict=True)] == []
        if self.refusals:
            return self.refusals.pop(0)
        if token in self.revoked:
            self.refused += 1
            if self.refused == LANES:
                self.are_all_here.set()
            elif self.refused > 1:
                self.has_taken.wait()
            self.are_all_here.wait()
            return "401 Unauthorized"
        self.taken += payload["batch"]
        self.has_taken.set()
        return "200 OK"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return private_key()


@pytest.fixture
def token_server(key: rsa.RSAPrivateKey) -> Iterator[TokenServer]:
    with TokenServer(key, clock=time.time) as server:
        yield server


@pytest.fixture
def segment() -> Iterator[Segment]:
    with Segment() as server:
        yield server


@pytest.fixture
def make(
    make_client: MakeClient, key: rsa.RSAPrivateKey, token_server: TokenServer, segment: Segment
) -> Callable[..., Client]:
    """Makes clients of the two servers."""

    def make(**options: Any) -> Client:
        return make_client(
            host=segment.host,
            oauth_client_id=CLIENT_ID,
            oauth_client_key=pem(key),
            oauth_key_id=KEY_ID,
            oauth_auth_server=token_server.url,
            proxies={},
            **{"log": False, **options},
        )

    return make


def track(client: Client, messages: int = 1) -> None:
    for number in range(messages):
        assert client.track("s", event=f"E{number}")


def test_batches_carry_a_token_and_the_write_key_in_the_body(
    make: MakeClient, segment: Segment, token_server: TokenServer
) -> None:
    """One token for many batches, asked for with the first of them."""
    client = make(flush_at=1)
    for _ in range(5):
        track(client)
        assert client.flush() is True
    assert segment.tokens == ["token-1"] * 5
    assert (len(segment.taken), token_server.tokens, token_server.problems) == (5, 1, [])


def test_one_refresh_serves_all_lanes(make: MakeClient, segment: Segment, token_server: TokenServer) -> None:
    """Ten batches at once wait for one request for a token."""
    token_server.gate.clear()
    client = make(flush_at=1, max_in_flight=10)
    for _ in range(10):
        track(client)
        gevent.idle()
    assert token_server.asked.wait(10)
    assert segment.tokens == []
    token_server.gate.set()
    assert client.flush() is True
    assert (len(token_server.requests), set(segment.tokens)) == (1, {"token-1"})
    assert len(segment.taken) == 10


def test_a_token_that_all_lanes_are_refused_with_is_replaced_once(
    make: MakeClient, segment: Segment, token_server: TokenServer
) -> None:
    """The lane whose refusal comes last carried the old token, and does not drop the new one."""
    client = make(flush_at=1, max_in_flight=LANES)
    track(client)
    assert client.flush() is True
    segment.revoked = {"token-1"}
    segment.has_taken.clear()
    for _ in range(20):
        track(client)
        gevent.idle()
    assert client.flush() is True
    assert token_server.tokens == 2
    assert set(segment.tokens) == {"token-1", "token-2"}
    assert (len(segment.taken), client.stats.failed) == (21, 0)


@pytest.mark.parametrize("refusal", ["401 Unauthorized", "403 Forbidden", "511 Network Authentication Required"])
def test_a_refused_token_is_dropped_and_the_batch_tried_once_more(
    make: MakeClient, segment: Segment, token_server: TokenServer, refusal: str
) -> None:
    """With a new one, at once; the attempt counts on the wire as any other."""
    client = make(max_retries=0)
    segment.refusals = [refusal]
    track(client)
    assert client.flush() is True
    assert segment.tokens == ["token-1", "token-2"]
    assert [request.headers.get("x-retry-count") for request in segment.requests] == [None, "1"]
    assert (client.stats.delivered, client.stats.failed, token_server.tokens) == (1, 0, 2)


@pytest.mark.parametrize("refusal", ["401 Unauthorized", "403 Forbidden", "511 Network Authentication Required"])
def test_a_batch_that_is_refused_with_a_new_token_too_has_failed(
    make: MakeClient, segment: Segment, token_server: TokenServer, refusal: str
) -> None:
    """It is not the token then. The next batch gets a token of its own."""
    client = make()
    failures: list[DeliveryError] = []
    client.on_failure(lambda data, error: failures.append(error))
    segment.refusals = [refusal, refusal]
    track(client)
    assert client.flush() is False
    assert [(error.reason, error.status, error.attempts) for error in failures] == [("status", int(refusal[:3]), 2)]
    track(client)
    assert client.flush() is True
    assert segment.tokens == ["token-1", "token-2", "token-3"]


def test_a_400_drops_the_token_and_is_about_the_batch(
    make: MakeClient, segment: Segment, token_server: TokenServer
) -> None:
    """The single message fails at once, and the next one goes with a new token."""
    client = make(flush_at=1)
    segment.refusals = ["400 Bad Request"]
    track(client)
    assert client.flush() is False
    track(client)
    assert client.flush() is True
    assert segment.tokens == ["token-1", "token-2"]
    assert (client.stats.failed, client.stats.delivered) == (1, 1)


def test_a_batch_that_is_taken_apart_costs_one_token(
    make: MakeClient, segment: Segment, token_server: TokenServer
) -> None:
    """However many of its parts are refused."""
    client = make(flush_at=100)
    track(client)
    assert client.flush() is True
    segment.refusals = ["400 Bad Request"] * 4
    track(client, 8)
    assert client.flush() is False
    assert (client.stats.failed, client.stats.delivered) == (1, 8)
    assert (segment.tokens[:2], set(segment.tokens[2:])) == (["token-1"] * 2, {"token-2"})


@pytest.mark.parametrize("status", ["404 Not Found", "413 Too Large", "429 Slow Down", "503 Busy"])
def test_other_answers_leave_the_token_alone(make: MakeClient, segment: Segment, status: str) -> None:
    """They say nothing about it."""
    client = make(flush_at=1)
    segment.refusals = [status]
    track(client)
    client.flush()
    track(client)
    assert client.flush() is True
    assert set(segment.tokens) == {"token-1"}


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized"])
def test_why_there_is_no_token_is_no_verdict_on_the_batch(
    make: MakeClient, segment: Segment, token_server: TokenServer, status: str
) -> None:
    """It is tried again, whole: a token server that says 400 says nothing about a message."""
    content = b'{"error":"invalid_request"}'
    token_server.faults.extend([lambda peer: peer.answer(content, status=status)] * 2)
    client = make(flush_at=10, flush_after=3_600)
    track(client, 8)
    assert client.flush() is True
    assert len(segment.taken) == 8
    assert [len(orjson.loads(request.body)["batch"]) for request in segment.requests] == [8]


def test_a_batch_for_which_no_token_is_to_be_had_fails_as_that(
    make: MakeClient, segment: Segment, token_server: TokenServer
) -> None:
    """After its retries, with the reason `oauth` and the token server's answer; nothing was sent without one."""
    refusal = b'{"error":"invalid_client"}'
    token_server.faults.extend([lambda peer: peer.answer(refusal, status="401 Unauthorized")] * 100)
    client = make(max_retries=1)
    failures: list[DeliveryError] = []
    client.on_failure(lambda data, error: failures.append(error))
    track(client)
    assert client.flush() is False
    ((reason, status, attempts),) = [(error.reason, error.status, error.attempts) for error in failures]
    assert (reason, status, attempts) == ("oauth", 401, 2)
    assert "invalid_client" in str(failures[0])
    assert segment.tokens == []


def test_a_shutdown_does_not_wait_for_a_token(make: MakeClient, segment: Segment, token_server: TokenServer) -> None:
    """It ends at its time-out, however long the token server keeps its answer; what is left is dropped and counted."""
    token_server.gate.clear()
    client = make()
    track(client, 3)
    assert token_server.asked.wait(10)
    with gevent.Timeout(60):
        assert client.flush(0.05) is False
        assert client.shutdown(0.1) is False
    assert dict(client.stats.dropped_by_reason) == {"shutdown": 3}
    token_server.gate.set()
    gevent.idle()
    assert segment.taken == []


def test_a_shutdown_is_not_held_up_by_a_busy_token_server(make: MakeClient, token_server: TokenServer) -> None:
    """It asks to be left alone for five minutes."""
    token_server.faults.extend([lambda peer: peer.answer(status="429 Slow Down", Retry_After="300")] * 10)
    client = make()
    track(client)
    assert token_server.asked.wait(10)
    with gevent.Timeout(60):
        assert client.flush(0.05) is False
        assert client.shutdown(0.1) is False
    assert dict(client.stats.dropped_by_reason) == {"shutdown": 1}


def test_neither_token_nor_key_is_shown(
    make: MakeClient, segment: Segment, key: rsa.RSAPrivateKey, caplog: pytest.LogCaptureFixture
) -> None:
    """In no log, repr or error."""
    caplog.set_level("DEBUG")
    client = make(log=True, log_level="DEBUG")
    shown = [repr(client), repr(client.options)]
    client.on_failure(lambda data, error: shown.extend([repr(data), repr(error), str(error), repr(vars(error))]))
    segment.refusals = ["401 Unauthorized", "503 Busy", "403 Forbidden", "403 Forbidden"]
    track(client)
    client.flush()
    text = caplog.text + "".join(shown)
    assert len(shown) > 2
    assert "token-" not in text
    assert "write-key" not in text
    assert pem(key).splitlines()[1] not in text
