"""A visitor who comes without an id: what it is, when the cookie is set, and how."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from http.cookies import Morsel, SimpleCookie
from typing import Any
from uuid import UUID

import pytest
from servers.wsgi import Application, request

from segment_gevent import Client, ConfigError, ValidationError, bind_context, bind_user, bound_context
from segment_gevent.context import current
from segment_gevent.contrib.wsgi import SegmentMiddleware
from segment_gevent.testing import RecordingTransport

COOKIE = "ajs_anonymous_id"


class Shop:
    """An application that tracks, and what a server and Segment get of it."""

    def __init__(self, client: Client, transport: RecordingTransport) -> None:
        self.client = client
        self._transport = transport

    def view(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.client.track(event="Seen")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"seen"]

    def cookies(self, app: Application, environ: dict[str, Any], **options: Any) -> list[Morsel[str]]:
        """Those that an answer sets."""
        headers: list[tuple[str, str]] = []
        served = SegmentMiddleware(app, **{"set_anonymous_id": True, **options})
        for _piece in served(environ, lambda _status, given, exc_info=None: headers.extend(given)):
            pass
        assert current() is None
        written = [SimpleCookie(value) for name, value in headers if name == "Set-Cookie"]
        return [cookie for each in written for cookie in each.values()]

    def ids(self) -> list[tuple[str | None, str | None]]:
        assert self.client.flush()
        return [(each.get("anonymousId"), each.get("userId")) for each in self._transport.messages]


@pytest.fixture
def shop(make_client: Callable[..., Client]) -> Shop:
    transport = RecordingTransport()
    return Shop(make_client(transport=transport), transport)


def test_a_newcomer_gets_an_id_that_the_cookie_keeps(shop: Shop) -> None:
    """For a year, for the whole site, to be read by Segment's script; the next request is of the same visitor."""
    (cookie,) = shop.cookies(shop.view, request())
    assert (cookie.key, str(UUID(cookie.value))) == (COOKIE, cookie.value)
    kept = {name: value for name, value in cookie.items() if value}
    assert kept == {"max-age": "31536000", "path": "/", "samesite": "Lax"}
    assert shop.cookies(shop.view, request(HTTP_COOKIE=f"{COOKIE}={cookie.value}")) == []
    assert shop.ids() == [(cookie.value, None)] * 2


def test_each_newcomer_is_another_and_calls_of_a_request_are_of_one(shop: Shop) -> None:
    """However many there are."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        bind_context(ip="::1")
        shop.client.track(event="Seen")
        return shop.view(environ, start_response)

    (first,) = shop.cookies(app, request())
    (second,) = shop.cookies(app, request())
    assert first.value != second.value
    assert shop.ids() == [(first.value, None)] * 2 + [(second.value, None)] * 2


def test_a_call_of_somebody_makes_no_id(shop: Shop) -> None:
    """Of the user who is logged in, of one whom it names, or of another visitor.

    A client of an API keeps no cookies, and would be tied to a new visitor by each request.
    """

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        shop.client.track(user_id="olga", event="Seen")
        shop.client.track("visitor-17", event="Seen")
        bind_user("ivan")
        return shop.view(environ, start_response)

    assert shop.cookies(shop.view, request(), user=lambda _environ: "ilya") == []
    assert shop.cookies(app, request()) == []
    assert shop.ids() == [(None, "ilya"), (None, "olga"), ("visitor-17", None), (None, "ivan")]


def test_who_is_said_to_be_nobody_is_a_newcomer(shop: Shop) -> None:
    """By a function that returns `""` for that, too."""
    (cookie,) = shop.cookies(shop.view, request(), user=lambda _environ: "")
    assert shop.ids() == [(cookie.value, None)]


def test_a_call_that_says_it_has_no_id_is_still_an_error(shop: Shop) -> None:
    """`""` stands for none, and nothing takes its place."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with pytest.raises(ValidationError):
            shop.client.track("", event="Seen")
        start_response("200 OK", [])
        return [b""]

    assert shop.cookies(app, request()) == []


def test_off_is_the_default(shop: Shop) -> None:
    """Nobody gets a cookie unasked."""
    assert shop.cookies(lambda environ, start: [start("200 OK", []) or b""], request(), set_anonymous_id=False) == []


def test_only_who_is_told_of_gets_a_cookie(shop: Shop) -> None:
    """A request that makes no call sets none: its answer may be one for everybody, which a cache keeps."""

    def quiet(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b""]

    def own(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        bind_user(session_id="own-17")
        return shop.view(environ, start_response)

    assert shop.cookies(quiet, request()) == []
    assert shop.cookies(own, request()) == []
    assert shop.ids() == [("own-17", None)]


def test_who_is_bound_around_the_middleware_is_no_newcomer(shop: Shop) -> None:
    """The outer id stays."""
    served = SegmentMiddleware(shop.view, set_anonymous_id=True)
    with bound_context():
        bind_user(session_id="outer-17")
        served(request(), lambda _status, headers: headers)
    assert shop.ids() == [("outer-17", None)]


def test_a_stream_sets_the_cookie_if_its_call_comes_before_the_headers(shop: Shop) -> None:
    """One that comes later has an id all the same, and fails nothing."""

    def early(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        yield from shop.view(environ, start_response)

    def late(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [])
        shop.client.track(event="Seen")
        yield b""

    (cookie,) = shop.cookies(early, request())
    assert shop.cookies(late, request()) == []
    (first, _), (second, _) = shop.ids()
    assert first == cookie.value
    assert second is not None


def test_a_cookie_of_the_applications_own_is_the_only_one(shop: Shop) -> None:
    """Under that name; its others stay beside."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        shop.client.track(event="Seen")
        start_response("200 OK", [("Set-Cookie", f"{environ['own']}=17; Path=/")])
        return [b""]

    assert [each.key for each in shop.cookies(app, request(own=COOKIE))] == [COOKIE]
    assert [each.key for each in shop.cookies(app, request(own="theme"))] == ["theme", COOKIE]


@pytest.mark.parametrize(
    ("variables", "is_secure"),
    [
        ({"wsgi.url_scheme": "https"}, True),
        ({"HTTP_X_FORWARDED_PROTO": "https", "REMOTE_ADDR": "10.0.0.1"}, True),
        ({"HTTP_X_FORWARDED_PROTO": "https", "REMOTE_ADDR": "192.0.2.1"}, False),
    ],
    ids=["https", "proxy", "visitor"],
)
def test_the_cookie_is_secure_where_the_visitor_came_by_https(
    shop: Shop, variables: dict[str, str], is_secure: bool
) -> None:
    """As the server says, or a trusted proxy."""
    (cookie,) = shop.cookies(shop.view, request(**variables), trusted_proxies="10.0.0.0/8")
    assert bool(cookie["secure"]) is is_secure


def test_a_cookie_that_can_be_no_id_is_replaced(shop: Shop) -> None:
    """By its own name, where it has another."""
    (cookie,) = shop.cookies(shop.view, request(HTTP_COOKIE="visitor=" + "x" * 999), anonymous_id_cookie="visitor")
    assert (cookie.key, shop.ids()) == ("visitor", [(cookie.value, None)])


def test_an_error_page_after_the_headers_hands_on_its_exception(shop: Shop) -> None:
    """As WSGI has it: `exc_info` is the third argument, where there is one."""
    given: list[Any] = []

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        start_response("500 Error", [], (KeyError, KeyError(), None))
        return [b""]

    SegmentMiddleware(app, set_anonymous_id=True)(request(), lambda *arguments: given.append(arguments[2:]))
    assert [len(each) for each in given] == [0, 1]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"set_anonymous_id": "yes"}, "set_anonymous_id must be True or False, not str"),
        (
            {"set_anonymous_id": True, "anonymous_id_cookie": None},
            "set_anonymous_id=True needs the name of a cookie in anonymous_id_cookie, not None",
        ),
    ],
    ids=["type", "cookie"],
)
def test_what_can_keep_no_id_is_refused(options: dict[str, Any], text: str) -> None:
    """At once."""
    with pytest.raises(ConfigError, match=re.escape(text)):
        SegmentMiddleware(Shop.view, **options)
