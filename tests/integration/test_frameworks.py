"""Web frameworks under gunicorn's gevent worker: whose events arrive, and what is known of their requests."""

from __future__ import annotations

import http.client
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from servers.arrivals import Arrivals
from servers.program import PROGRAMS, Process, program
from servers.web_server import WebServer, gunicorn

COOKIE = "ajs_anonymous_id=%22visitor-17%22"


class Visitor:
    """Somebody with a browser, behind a proxy: cookies are kept."""

    def __init__(self, server: WebServer, *cookies: str) -> None:
        self._server = server
        self.cookies = [*cookies]
        self.vary = ""

    def get(self, path: str) -> tuple[int, str]:
        headers = {"Cookie": "; ".join(self.cookies), "X-Forwarded-For": "203.0.113.9, 192.0.2.1"}
        asked = urllib.request.Request(self._server.url + path, headers=headers)
        try:
            answer = urllib.request.urlopen(asked, timeout=20)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            for cookie in SimpleCookie(answer.headers.get("Set-Cookie", "")).values():
                self.cookies.append(f"{cookie.key}={cookie.value}")
            self.vary = answer.headers.get("Vary", "")
            return answer.status, answer.read().decode()


def known(message: dict[str, Any]) -> tuple[str | None, ...]:
    """Whose an event is, and from where."""
    context = message["context"]
    return message.get("anonymousId"), message.get("userId"), context.get("ip"), context.get("page", {}).get("path")


def of(path: str, user_id: str | None = None) -> tuple[str | None, ...]:
    return "visitor-17", user_id, "192.0.2.1", path


def serve(arrivals: Arrivals, site: str, **variables: str) -> AbstractContextManager[Any]:
    environment = {**arrivals.environment, **variables}
    return gunicorn(environment, app=f"{site}:application", workers=1)


def end(server: WebServer, arrivals: Arrivals) -> dict[str, dict[str, Any]]:
    """End the server; the messages that arrived, by their events or types."""
    server.signal(signal.SIGTERM)
    server.ended().check()
    arrivals.compare([], [])
    return {message.get("event", message["type"]): message for message in arrivals.server.messages()}


def welcome(server: WebServer) -> list[str]:
    """Two who come without an id, twice each; the cookies that they have then."""
    newcomers = [Visitor(server), Visitor(server)]
    assert [each.get("/new") for _ in range(2) for each in newcomers] == [(200, "new")] * 4
    return [cookie for each in newcomers for cookie in each.cookies]


def assert_known_again(last: dict[str, Any], cookies: list[str], arrivals: Arrivals) -> None:
    """Each visitor's two events are of the id that their one cookie holds."""
    ids = [message["anonymousId"] for message in arrivals.messages("new")]
    assert ids == ids[:2] * 2
    assert [f"ajs_anonymous_id={id_}" for id_ in ids[:2]] == cookies
    assert "userId" not in last


def test_flask(arrivals: Arrivals) -> None:
    """Views, streams, logins and errors: each call has its own request's bindings and the session's user."""
    with serve(arrivals, "flask_site") as server:
        visitor = Visitor(server, COOKIE)
        newcomers = welcome(server)
        assert visitor.get("/plain") == (200, "plain")
        assert visitor.get("/fail")[0] == 418
        assert visitor.get("/stream") == (200, "ab")
        assert visitor.get("/login") == (200, "login")
        assert visitor.get("/stream-with-context") == (200, "ab")
        arrived = end(server, arrivals)
    assert_known_again(arrived.pop("new"), newcomers, arrivals)
    assert {event: known(message) for event, message in arrived.items()} == {
        "plain": of("/plain"),
        "fail": of("/fail", "somebody else"),
        "stream": of("/stream"),
        "identify": of("/login", "7"),
        "stream-with-context": of("/stream-with-context", "7"),
    }


class Connection:
    """One connection that is kept alive, which a gevent worker serves in one greenlet."""

    def __init__(self, server: WebServer) -> None:
        self._http = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)

    def get(self, path: str) -> int:
        self._http.request("GET", path, headers={"Cookie": f"{COOKIE}; user=7", "X-Forwarded-For": "192.0.2.1"})
        answer = self._http.getresponse()
        answer.read()
        self.is_kept = self._http.sock is not None
        return answer.status

    def close(self) -> None:
        self._http.close()


@pytest.mark.parametrize("site", ["pyramid_site", "bottle_site", "plain_site"])
def test_any_wsgi_application(arrivals: Arrivals, site: str) -> None:
    """Views, streams and exceptions have the request's bindings, and none is left in the greenlet after them."""
    with gunicorn({**arrivals.environment}, app=f"wsgi_sites:{site}", workers=1) as server:
        newcomers = welcome(server)
        connection = Connection(server)
        assert [connection.get(path) for path in ("/plain", "/stream")] == [200, 200]
        assert connection.get("/fail") == 500
        assert connection.is_kept
        assert connection.get("/outside") == 200
        connection.close()
        arrived = end(server, arrivals)
    assert_known_again(arrived.pop("new"), newcomers, arrivals)
    outsides = [arrived.pop(f"outside of {status}") for status in (500, 200)]
    assert {event: known(message) for event, message in arrived.items()} == {
        "plain": of("/plain", "7"),
        "stream": of("/stream", "7"),
        "fail": of("/fail", "somebody else"),
    }
    for outside in outsides:
        assert (outside.get("userId"), outside["anonymousId"]) == (None, "outsider")
        assert set(outside["context"]) == {"library"}


@pytest.fixture
def database(tmp_path: Path) -> dict[str, str]:
    """A database with the project's tables, as an environment."""
    environment = {"SITE_DATABASE": str(tmp_path / "site.sqlite3")}
    with program("django_site", "migrate", "--verbosity", "0", environment=environment) as migrating:
        migrating.ended().check()
    return environment


def test_django(arrivals: Arrivals, database: dict[str, str]) -> None:
    """Views, streams, files and errors; who logs in is identified; a request that tracks nothing loads no session."""
    with serve(arrivals, "django_site", **database) as server:
        visitor = Visitor(server, COOKIE)
        newcomers = welcome(server)
        assert visitor.get("/plain") == (200, "plain")
        assert visitor.get("/fail")[0] == 418
        _, user_id = visitor.get("/login")
        assert visitor.get("/stream") == (200, "ab")
        assert visitor.get("/file") == (200, "file")
        assert visitor.get("/quiet") == (200, "quiet")
        assert "Cookie" not in visitor.vary
        arrived = end(server, arrivals)
    assert_known_again(arrived.pop("new"), newcomers, arrivals)
    assert {event: known(message) for event, message in arrived.items()} == {
        "plain": of("/plain"),
        "fail": of("/fail", "somebody else"),
        "identify": of("/login", user_id),
        "stream": of("/stream", user_id),
    }
    assert arrived["identify"]["traits"] == {"username": "ilya"}


Check = Callable[..., Process]


@pytest.fixture
def segment_check() -> Check:
    """Runs `manage.py segment_check` of the project."""

    def run(environment: dict[str, str]) -> Process:
        command = [sys.executable, str(PROGRAMS / "django_site.py"), "segment_check"]
        return Process(command, {"SITE_DATABASE": ":memory:", **environment})

    return run


def test_segment_check_sends_an_event(arrivals: Arrivals, segment_check: Check) -> None:
    """And says that it was taken."""
    with segment_check(arrivals.environment) as check:
        assert f"{arrivals.server.url} took the event" in check.ended().check().output
    assert len(arrivals.messages("Segment Checked")) == 1


def test_segment_check_says_what_is_wrong(arrivals: Arrivals, segment_check: Check) -> None:
    """No write key; a server that refuses it."""
    arrivals.server.faults([{"status": 401, "times": 9}])
    with segment_check({}) as without, segment_check(arrivals.environment) as refused:
        assert "set SEGMENT_WRITE_KEY" in without.ended().errors
        ended = refused.ended()
    assert ended.code != 0
    assert "401" in ended.errors
