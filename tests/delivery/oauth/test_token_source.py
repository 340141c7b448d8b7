"""The access token as the sender uses it: had from a strict token server, kept, replaced in time, and never shown."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from typing import Any

import gevent
import orjson
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from gevent.event import Event
from servers.http_wire import Peer
from servers.oauth_server import CLIENT_ID, KEY_ID, TokenServer, pem, private_key

from segment_gevent.delivery.oauth.client_key import ClientKey
from segment_gevent.delivery.oauth.token_request import token_url
from segment_gevent.delivery.oauth.token_source import TokenSource
from segment_gevent.delivery.transport import HttpTransport
from segment_gevent.errors import DeliveryError


class Clock:
    """Time that passes when a test says so, and in pauses; monotonic and Unix time in one."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.time

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds
        gevent.sleep(0)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return private_key()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(key: rsa.RSAPrivateKey, clock: Clock) -> Iterator[TokenServer]:
    with TokenServer(key, clock=clock) as server:
        yield server


@pytest.fixture
def source(server: TokenServer, key: rsa.RSAPrivateKey, clock: Clock) -> TokenSource:
    return source_of(server, key, clock)


def source_of(server: TokenServer, key: rsa.RSAPrivateKey, clock: Clock, **changed: Any) -> TokenSource:
    transport = HttpTransport(token_url(server.url), proxies={})

    def post(url: str, form: bytes, headers: Mapping[str, str]) -> requests.Response:
        assert url == token_url(server.url)
        return transport.send(form, headers)

    given: dict[str, Any] = {
        "client_id": CLIENT_ID,
        "client_key": pem(key),
        "key_id": KEY_ID,
        "auth_server": server.url,
        "post": post,
        "now": clock,
        "wall_clock": clock,
        "draw": lambda: 1.0,
        "pause": clock.pause,
    }
    return TokenSource(**{**given, **changed})


def status(line: str, content: bytes = b"{}", **headers: str) -> Callable[[Peer], None]:
    """A fault: an answer with this status."""
    return lambda peer: peer.answer(content, status=line, **headers)


def test_a_token_is_had_by_a_signed_assertion_and_kept(server: TokenServer, source: TokenSource) -> None:
    """A server that checks every field and claim gives one, which serves until it ages."""
    assert [source.token() for _ in range(3)] == ["token-1"] * 3
    assert (server.problems, len(server.requests)) == ([], 1)


def test_a_signature_that_takes_too_long_ends_with_the_patience(
    server: TokenServer, key: rsa.RSAPrivateKey, clock: Clock
) -> None:
    """As where the native threads that would make it are all busy."""
    busy = threading.Event()

    class Slow(ClientKey):
        def assertion(self, **claims: Any) -> str:
            busy.wait(20)
            return super().assertion(**claims)

    source = source_of(server, key, clock, client_key=Slow(pem(key)), patience=0.05)
    with pytest.raises(DeliveryError, match=r"no answer within 0\.05 s") as caught:
        source.token()
    busy.set()
    assert caught.value.reason == "oauth"
    assert server.requests == []


def test_the_strict_server_refuses_another_key(server: TokenServer, clock: Clock, key: rsa.RSAPrivateKey) -> None:
    """And another client, key id or scope: what passes above was checked."""
    others: list[dict[str, Any]] = [
        {"client_key": pem(private_key())},
        {"client_id": "someone"},
        {"key_id": "other"},
        {"scope": "all"},
        {"wall_clock": lambda: clock() - 3600, "auth_server": f"{server.url}/"},
    ]
    for changed in others[:-1]:
        with pytest.raises(DeliveryError):
            source_of(server, key, clock, **changed).token()
    assert len(server.problems) == len(server.requests) == 4
    assert source_of(server, key, clock, **others[-1]).token() == "token-1"


@pytest.mark.parametrize(
    ("life", "used_for"),
    [(86_400, 86_340.0), (3600, 3540.0), ("3600", 3540.0), (300, 240.0), (100, 80.0), (10, 8.0), (0.5, 0.4)],
)
def test_a_token_is_replaced_before_its_end(
    server: TokenServer, source: TokenSource, clock: Clock, life: object, used_for: float
) -> None:
    """A minute before; one that lives less than five, at four fifths of its life."""
    server.life = life
    assert source.token() == "token-1"
    clock.time += used_for - 0.01
    assert source.token() == "token-1"
    clock.time += 0.02
    assert source.token() == "token-2"


@pytest.mark.parametrize("life", [None, 0, -5, "soon", "inf", [], {}])
def test_a_token_of_unknown_life_serves_for_a_while(
    server: TokenServer, source: TokenSource, clock: Clock, life: object
) -> None:
    """As one that lives a minute."""
    content = b'{"access_token":"token-x","expires_in":%s}' % orjson.dumps(life)
    server.faults.append(status("200 OK", content))
    assert source.token() == "token-x"
    clock.time += 47
    assert source.token() == "token-x"
    clock.time += 2
    assert source.token() == "token-1"


def test_the_time_that_an_answer_takes_is_part_of_the_tokens_life(
    server: TokenServer, source: TokenSource, clock: Clock
) -> None:
    """The server counts from when it made it."""
    server.life = 100
    server.gate.clear()
    waiting = gevent.spawn(source.token)
    assert server.asked.wait(10)
    clock.time += 50
    server.gate.set()
    assert waiting.get(timeout=10) == "token-1"
    clock.time += 29
    assert source.token() == "token-1"
    clock.time += 2
    assert source.token() == "token-2"


def test_a_hundred_greenlets_make_one_request(server: TokenServer, source: TokenSource) -> None:
    """All wait for the one answer of a slow server, and get it."""
    server.gate.clear()
    waiting = [gevent.spawn(source.token) for _ in range(100)]
    assert server.asked.wait(10)
    assert not any(greenlet.ready() for greenlet in waiting)
    server.gate.set()
    assert [greenlet.get(timeout=10) for greenlet in waiting] == ["token-1"] * 100
    assert (server.tokens, len(server.requests)) == (1, 1)


def test_a_hundred_greenlets_share_one_failure(server: TokenServer, source: TokenSource) -> None:
    """One round of requests; each gets an error of its own, which it may write on and raise."""
    server.faults.append(status("403 Forbidden"))
    server.gate.clear()
    waiting = [gevent.spawn(outcome, source) for _ in range(100)]
    assert server.asked.wait(10)
    server.gate.set()
    errors = [greenlet.get(timeout=10) for greenlet in waiting]
    assert len(server.requests) == 1
    assert len({id(error) for error in errors}) == 100
    assert {(error.reason, error.status, str(error)) for error in errors} == {
        ("oauth", 403, f"no token: {server.url}/token: the token server answered 403")
    }
    assert source.token() == "token-1"


def outcome(source: TokenSource) -> str | DeliveryError:
    try:
        return source.token()
    except DeliveryError as error:
        return error


class Unasked:
    """As Django's settings before they are configured."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("not configured")


def test_threads_with_hubs_of_their_own_make_one_request(
    server: TokenServer, source: TokenSource, key: rsa.RSAPrivateKey
) -> None:
    """The one that asks wakes the others in their hubs, also beside an object that can't be asked for its class."""
    tokens: list[object] = []
    ready = threading.Barrier(8)
    all_done = Event()
    here = gevent.get_hub()
    unasked = Unasked()

    def ask() -> None:
        ready.wait()
        tokens.append(outcome(source))
        gevent.get_hub().destroy()
        if len(tokens) == 8:
            here.loop.run_callback_threadsafe(all_done.set)

    server.gate.clear()
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert server.asked.wait(20)
    server.gate.set()
    assert all_done.wait(20)
    for thread in threads:
        thread.join()
    assert tokens == ["token-1"] * 8
    assert len(server.requests) == 1
    del unasked


def test_nobody_waits_while_the_old_token_is_good(server: TokenServer, source: TokenSource, clock: Clock) -> None:
    """One greenlet replaces it early; the others go on with the old one meanwhile, and then with the new."""
    assert source.token() == "token-1"
    clock.time += 3550
    server.gate.clear()
    server.asked.clear()
    early = gevent.spawn(source.token)
    assert server.asked.wait(10)
    assert [source.token() for _ in range(10)] == ["token-1"] * 10
    server.gate.set()
    assert early.get(timeout=10) == source.token() == "token-2"
    assert len(server.requests) == 2


def test_an_early_refresh_that_fails_costs_nothing(server: TokenServer, source: TokenSource, clock: Clock) -> None:
    """The old token serves to its end; one request at a time, ever sooner, tries to replace it."""
    assert source.token() == "token-1"
    server.faults.extend([status("503 Away")] * 100)
    asked_at = []
    for second in range(60):
        clock.time = 1_800_003_540.5 + second - 0.5 * (second == 59)
        before = len(server.requests)
        assert source.token() == "token-1"
        asked_at += [second] * (len(server.requests) - before)
    assert asked_at == [0, 30, 45, 53, 57, 59]
    clock.time = 1_800_003_600.0
    with pytest.raises(DeliveryError, match="answered 503"):
        source.token()
    server.faults.clear()
    assert source.token() == "token-2"
    assert clock.pauses == [0.5, 1.0]


@pytest.mark.parametrize(
    "fault",
    [
        status("503 Away"),
        status("500 Oops", b"<html>"),
        status("429 Slow"),
        status("408 Late"),
        status("200 OK", b"<html>Please log in</html>"),
        status("200 OK", b'["token-x"]'),
        status("200 OK", b'{"access_token": 7}'),
        status("200 OK", b'{"access_token": ""}'),
        status("200 OK", b'{"access_token": "a b"}'),
        status("200 OK", b'{"access_token": "a\\r\\nX-Evil: 1"}'),
        status("200 OK", b"[" * 100_000),
        Peer.reset,
        lambda peer: peer.sock.sendall(b"garbage\r\n\r\n"),
    ],
)
def test_what_can_pass_is_tried_again(
    server: TokenServer, source: TokenSource, clock: Clock, fault: Callable[[Peer], object]
) -> None:
    """By the table of retries: at once, then after half a second, then after one; a new assertion each time."""
    server.faults.extend([fault] * 3)
    assert source.token() == "token-1"
    assert server.problems == []
    assert len({request.body for request in server.requests}) == 4
    assert clock.pauses == [0.5, 1.0]


@pytest.mark.parametrize("line", ["302 Found", "400 Bad Request", "401 Unauthorized", "403 Forbidden", "501 No"])
def test_what_no_retry_mends_fails_at_once(server: TokenServer, source: TokenSource, line: str) -> None:
    """The error has the answer, and shows its code but no other words of it."""
    server.faults.append(status(line, b'{"error":"invalid_client","error_description":"you sent eyJ..."}'))
    with pytest.raises(DeliveryError) as caught:
        source.token()
    assert str(caught.value) == f"no token: {server.url}/token: the token server answered {line[:3]} (invalid_client)"
    assert (caught.value.reason, caught.value.status) == ("oauth", int(line[:3]))
    assert len(server.requests) == 1


def test_tries_are_bounded(server: TokenServer, source: TokenSource, clock: Clock) -> None:
    """After four the caller hears of it, with the last answer; the next call begins anew."""
    server.faults.extend([status("502 Bad Gateway")] * 4)
    with pytest.raises(DeliveryError) as caught:
        source.token()
    assert (caught.value.reason, caught.value.status, len(server.requests)) == ("oauth", 502, 4)
    assert source.token() == "token-1"


def test_a_silent_server_is_left_in_time(server: TokenServer, key: rsa.RSAPrivateKey, clock: Clock) -> None:
    """The call ends by itself, whatever the transport's own time-outs are, and so do those who waited for it."""
    server.gate.clear()
    source = source_of(server, key, clock, now=time.monotonic, patience=0.3)
    waiting = [gevent.spawn(outcome, source) for _ in range(3)]
    errors = [greenlet.get(timeout=10) for greenlet in waiting]
    assert [error.reason for error in errors] == ["oauth"] * 3
    assert [error.status for error in errors] == [None] * 3


def test_a_wait_that_the_server_asks_for_is_kept(server: TokenServer, source: TokenSource, clock: Clock) -> None:
    """As seconds or as a date, in Retry-After or X-RateLimit-Reset."""
    soon = formatdate(clock.time + 13, usegmt=True)
    server.faults.append(status("429 Slow", X_RateLimit_Reset="3"))
    server.faults.append(status("503 Away", Retry_After=soon))
    assert source.token() == "token-1"
    assert clock.pauses == [3.0, 10.0]


def test_a_long_wait_is_handed_on(server: TokenServer, source: TokenSource, clock: Clock) -> None:
    """The caller learns at once what the server asked for, and until then nobody asks it again."""
    server.faults.append(status("429 Slow", Retry_After="120"))
    for _ in range(3):
        with pytest.raises(DeliveryError) as caught:
            source.token()
        assert (caught.value.reason, caught.value.status) == ("oauth", 429)
        assert caught.value.response is not None
        assert caught.value.response.headers["Retry-After"] == "120"
    assert (len(server.requests), clock.pauses) == (1, [])
    clock.time += 100
    assert source.token() == "token-1"
    assert clock.pauses == [20.0]


def test_a_killed_refresh_is_taken_over(server: TokenServer, source: TokenSource) -> None:
    """Whoever waited for it asks in its place, and the others wait for that one."""
    server.gate.clear()
    first = gevent.spawn(source.token)
    assert server.asked.wait(10)
    waiting = [gevent.spawn(source.token) for _ in range(10)]
    gevent.sleep(0)
    first.kill()
    server.gate.set()
    assert len({greenlet.get(timeout=10) for greenlet in waiting}) == 1
    assert len(server.requests) == 2


def test_a_callers_own_timeout_passes_through(server: TokenServer, source: TokenSource) -> None:
    """Both of the one who asks and of one who waits for it; the next call is served."""
    server.gate.clear()
    outer = gevent.Timeout(0.05)
    waiting = gevent.spawn(source.token)
    assert server.asked.wait(10)
    with pytest.raises(gevent.Timeout) as caught, outer:
        source.token()
    assert caught.value is outer
    waiting.kill()
    inner = gevent.Timeout(0.05)
    with pytest.raises(gevent.Timeout) as caught, inner:
        source.token()
    assert caught.value is inner
    server.gate.set()
    assert source.token().startswith("token-")


def test_a_refresh_whose_thread_is_gone_is_not_waited_for_again(
    server: TokenServer, key: rsa.RSAPrivateKey, clock: Clock
) -> None:
    """Its hub was destroyed in the midst of it: one call finds out, the next one asks."""
    stuck = Event()
    reached = Event()

    def post(url: str, form: bytes, headers: Mapping[str, str]) -> requests.Response:
        if threading.current_thread() is not threading.main_thread():
            reached.set()
            stuck.wait()
        return HttpTransport(url, proxies={}).send(form, headers)

    source = source_of(server, key, clock, post=post, patience=1.0)

    def abandon() -> None:
        gevent.spawn(source.token)
        gevent.sleep(0)
        while not reached.is_set():
            gevent.sleep(0.001)
        gevent.get_hub().destroy()

    thread = threading.Thread(target=abandon)
    thread.start()
    thread.join()
    with pytest.raises(DeliveryError, match=r"none came within 1 s"):
        source.token()
    assert source.token() == "token-1"


def test_only_the_token_that_was_refused_is_forgotten(server: TokenServer, source: TokenSource, clock: Clock) -> None:
    """A late refusal of an old one leaves its successor alone."""
    first = source.token()
    source.forget("another")
    assert source.token() == first
    source.forget(first)
    second = source.token()
    assert second == "token-2"
    source.forget(first)
    assert source.token() == second
    assert len(server.requests) == 2


def test_a_token_forgotten_during_its_early_refresh_does_not_come_back(
    server: TokenServer, source: TokenSource, clock: Clock
) -> None:
    """When that refresh fails, there is none."""
    first = source.token()
    clock.time += 3550
    server.faults.append(status("403 Forbidden"))
    server.gate.clear()
    server.asked.clear()
    early = gevent.spawn(outcome, source)
    assert server.asked.wait(10)
    source.forget(first)
    server.gate.set()
    assert isinstance(early.get(timeout=10), DeliveryError)
    assert source.token() == "token-2"


@pytest.mark.parametrize("wrong", [-86_400.0, -30.0, 300.0, 86_400.0])
def test_a_wrong_clock_is_corrected_by_the_servers(
    server: TokenServer, key: rsa.RSAPrivateKey, clock: Clock, wrong: float
) -> None:
    """The first assertion comes from the future or from the past; the next, at once, and all later ones do not."""
    source = source_of(server, key, clock, wall_clock=lambda: clock() + wrong)
    assert source.token() == "token-1"
    source.forget("token-1")
    assert source.token() == "token-2"
    refusals = 0 if wrong == -30 else 1
    assert (len(server.problems), len(server.requests)) == (refusals, 2 + refusals)
    assert clock.pauses == []


def test_a_refusal_at_the_right_time_is_final(server: TokenServer, key: rsa.RSAPrivateKey, clock: Clock) -> None:
    """A server's Date that agrees with ours, or is none, is no reason to ask again."""
    source = source_of(server, key, clock, key_id="other")
    for _ in range(2):
        with pytest.raises(DeliveryError, match="401"):
            source.token()
    server.faults.append(status("401 Unauthorized", Date="yesterday"))
    with pytest.raises(DeliveryError, match="401"):
        source.token()
    assert len(server.requests) == 3


def test_a_post_that_raises_is_a_failed_try(server: TokenServer, key: rsa.RSAPrivateKey, clock: Clock) -> None:
    """Whatever it raises; its own text is not shown."""

    def post(url: str, form: bytes, headers: Mapping[str, str]) -> requests.Response:
        raise ZeroDivisionError(form)

    with pytest.raises(DeliveryError, match=r"the request raised ZeroDivisionError$") as caught:
        source_of(server, key, clock, post=post).token()
    assert caught.value.reason == "oauth"


def test_a_server_that_is_gone_is_told_by_its_address(key: rsa.RSAPrivateKey, clock: Clock) -> None:
    """With what the transport found out, once."""
    with TokenServer(key, clock=clock) as server:
        source = source_of(server, key, clock)
    with pytest.raises(DeliveryError) as caught:
        source.token()
    assert str(caught.value).startswith(f"no token: {server.url}/token: ")
    assert (caught.value.reason, caught.value.status) == ("oauth", None)
    assert isinstance(caught.value.__cause__, DeliveryError)
    assert caught.value.__cause__.reason == "connection"


def test_neither_key_nor_token_nor_assertion_shows(
    server: TokenServer, key: rsa.RSAPrivateKey, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in reprs, in a log of any level, nor in errors and the answers that they carry."""
    caplog.set_level(logging.DEBUG)
    source = source_of(server, key, clock)
    token = source.token()
    source.forget(token)
    server.faults.append(status("403 Forbidden"))
    with pytest.raises(DeliveryError) as caught:
        source.token()
    assert caught.value.response is not None
    assert caught.value.response.request.body is None
    server.faults.extend([status("200 OK", b'{"access_token": "sekret token"}')] * 4)
    with pytest.raises(DeliveryError) as garbled:
        source.token()
    assert garbled.value.response is None
    assertions = [request.body.partition(b"client_assertion=eyJ")[2][:40].decode() for request in server.requests]
    secrets = [token, "sekret", *pem(key).split("\n")[1:-2], *assertions]
    shown = [repr(source), repr(vars(source)), caplog.text, *map(repr, (caught.value, garbled.value))]
    assert not [secret for secret in secrets for text in shown if secret in text]


def test_a_key_can_be_read_beforehand(server: TokenServer, key: rsa.RSAPrivateKey, clock: Clock) -> None:
    """Once for many sources; the libraries too."""
    client_key = ClientKey(pem(key))
    sources = [source_of(server, key, clock, client_key=client_key) for _ in range(2)]
    for source in sources:
        source.warm_up()
    assert [source.token() for source in sources] == ["token-1", "token-2"]


def test_other_greenlets_run_while_a_token_is_had(server: TokenServer, source: TokenSource) -> None:
    """A server that withholds its answer lets go when another greenlet has taken 1,000 turns."""
    server.gate.clear()

    def take_turns() -> None:
        for _ in range(1000):
            gevent.sleep(0)
        server.gate.set()

    gevent.spawn(take_turns)
    assert source.token() == "token-1"
