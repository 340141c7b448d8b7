"""Nobody reads events but the machine's owner: no page in their browser, and beyond the machine who has the token."""

from __future__ import annotations

import pytest
from servers.local_segment import LocalSegment
from servers.segment_calls import batch, headers, message

from segment_gevent.debugger.connection import Connection
from segment_gevent.debugger.guard import Guard, is_loopback


def environ(host: str = "127.0.0.1:8765", path: str = "/_/events", **given: str) -> dict[str, str]:
    return {
        "PATH_INFO": path,
        "HTTP_HOST": host,
        "SERVER_PORT": "8765",
        "wsgi.url_scheme": "http",
        **{f"HTTP_{name.upper()}": value for name, value in given.items()},
    }


def status(guard: Guard, given: dict[str, str]) -> int | None:
    answer = guard.answer(given)
    return None if answer is None else answer.status


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("127.0.0.1:8765", True),
        ("127.8.8.8:8765", True),
        ("LOCALHOST:8765", True),
        ("app.localhost:8765", True),
        ("[::1]:8765", True),
        ("debugger.test", True),
        ("debugger.test:1", True),
        ("other.test:7000", True),
        ("other.test:7001", False),
        ("127.0.0.1:8766", False),
        ("127.0.0.1", False),
        ("evil.example:8765", False),
        ("127.0.0.1.evil.example:8765", False),
        ("localhost.evil.example:8765", False),
        ("192.168.1.7:8765", False),
        ("localhost:x", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_only_the_machines_own_names_are_known(host: str, passes: bool) -> None:
    """A page that has its own name resolve to this machine comes with that name, and is refused."""
    guard = Guard(["Debugger.test", "other.test:7000"])
    assert status(guard, environ(host)) == (None if passes else 403)


@pytest.mark.parametrize(
    ("given", "passes"),
    [
        ({}, True),
        ({"sec_fetch_site": "same-origin", "origin": "http://127.0.0.1:8765"}, True),
        ({"sec_fetch_site": "none"}, True),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "http://127.0.0.1:3000"}, False),
        ({"origin": "https://127.0.0.1:8765"}, False),
        ({"origin": "null"}, False),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, False),
    ],
)
def test_pages_of_other_sites_are_refused(given: dict[str, str], passes: bool) -> None:
    """Another port of this machine is another site too."""
    assert status(Guard(), environ(**given)) == (None if passes else 403)


@pytest.mark.parametrize(("dest", "passes"), [("document", True), ("iframe", False)])
def test_a_link_to_the_page_may_be_followed(dest: str, passes: bool) -> None:
    """From anywhere, but not into a frame."""
    given = environ(path="/", sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest=dest)
    assert status(Guard(), given) == (None if passes else 403)


def test_with_a_token_nothing_is_shown_without_it() -> None:
    """It comes with the address once, then as a cookie that no script reads; tools send it as a Bearer token."""
    guard = Guard(token="sesame")
    assert status(guard, environ()) == 401
    assert status(guard, environ(authorization="Bearer guess")) == 401
    assert status(guard, environ(authorization="Bearer sesame")) is None
    assert status(guard, environ(cookie="a=b; segment_gevent_8765=sesame")) is None
    assert status(guard, environ(cookie="segment_gevent_8765=guess")) == 401
    assert status(guard, {**environ(), "QUERY_STRING": "token=sesame"}) == 401
    opened = guard.answer({**environ(path="/"), "QUERY_STRING": "token=sesame"})
    assert opened is not None
    assert (opened.status, opened.headers["Location"]) == (303, "/")
    assert opened.headers["Set-Cookie"] == "segment_gevent_8765=sesame; HttpOnly; SameSite=Strict; Path=/"


def test_with_a_token_any_address_is_known_but_no_name() -> None:
    """Names can be had to resolve to anything."""
    guard = Guard(token="sesame")
    assert status(guard, environ("192.168.1.7:9000", authorization="Bearer sesame")) is None
    assert status(guard, environ("evil.example:8765", authorization="Bearer sesame")) == 403


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("", False)],
)
def test_which_addresses_stay_on_the_machine(host: str, loopback: bool) -> None:
    """The others need a token."""
    assert is_loopback(host) is loopback


@pytest.mark.parametrize("path", ["/", "/_/events", "/_/stream", "/_/page/index.html", "/_/nothing"])
def test_the_server_asks_its_guard(segment_server: LocalSegment, path: str) -> None:
    """For everything that it shows."""
    with Connection(segment_server.url) as connection:
        assert connection.request("GET", path, headers={"Host": "evil.example"})[0] == 403
        assert connection.request("GET", path, headers={"Sec-Fetch-Site": "cross-site"})[0] == 403


def test_events_are_taken_from_anywhere(segment_server: LocalSegment) -> None:
    """From browsers too, of every origin: they can send, and read nothing."""
    foreign = {"Origin": "http://shop.example", "Sec-Fetch-Site": "cross-site", "Host": "segment.test"}
    with Connection(segment_server.url) as connection:
        assert connection.request("POST", "/v1/batch", batch(message(1)), headers(**foreign))[0] == 200
        assert connection.request("POST", "/_/reset", b"", foreign)[0] == 403
    assert segment_server.summary()["total"] == 1
