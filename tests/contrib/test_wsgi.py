"""The WSGI middleware: what the calls of a request have, for how long, and in which frameworks."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import bottle
import flask
import gevent
import pytest
from pyramid.config import Configurator
from pyramid.response import Response
from servers.wsgi import Application, call, request

from segment_gevent import Client, ConfigError, ValidationError, bind_context, bind_user, bound_context
from segment_gevent.context import current
from segment_gevent.contrib.wsgi import SegmentMiddleware
from segment_gevent.testing import RecordingTransport

VISITOR = {"HTTP_COOKIE": "ajs_anonymous_id=visitor-17"}


class Shop:
    """A client for applications, and what they sent with it."""

    def __init__(self, client: Client, transport: RecordingTransport) -> None:
        self.client = client
        self._transport = transport

    def seen(self, name: str = "") -> None:
        self.client.track(event="Seen", properties={"name": name})

    def sent(self) -> list[tuple[str, str | None, str]]:
        """Of each event: whose it is, from where, and what it saw."""
        assert self.client.flush()
        return [
            (each["anonymousId"], each["context"].get("ip"), each["properties"]["name"])
            for each in self._transport.messages
        ]


@pytest.fixture
def shop(make_client: Callable[..., Client]) -> Shop:
    transport = RecordingTransport()
    return Shop(make_client(transport=transport), transport)


SEEN = ("visitor-17", "198.51.100.7")


def test_an_application_and_its_body_have_the_requests_bindings(shop: Shop) -> None:
    """While it runs, for each piece and in the close; between them nothing is bound. It stays WSGI to the letter."""

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            shop.seen("iter")
            for piece in (b"a", b"b"):
                shop.seen(piece.decode())
                yield piece

        def close(self) -> None:
            shop.seen("close")

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        shop.seen("app")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Pieces()

    served = validator(SegmentMiddleware(validator(app)))
    body = served(request(**VISITOR), lambda *_: None)
    for _piece in body:
        assert current() is None
    body.close()
    assert current() is None
    assert shop.sent() == [(*SEEN, name) for name in ("app", "iter", "a", "b", "close")]


def test_pieces_may_be_made_in_any_greenlet_and_nobody_need_close(shop: Shop) -> None:
    """What the application binds is there for its body, and is gone with the request."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        bind_context(ip="::1")
        for name in ("a", "b", "never"):
            shop.seen(name)
            yield name.encode()

    body = iter(SegmentMiddleware(app)(request(**VISITOR), lambda *_: None))
    assert (gevent.spawn(next, body).get(), next(body)) == (b"a", b"b")
    del body
    assert current() is None
    assert shop.sent() == [("visitor-17", "::1", "a"), ("visitor-17", "::1", "b")]


def test_an_exception_leaves_nothing_behind() -> None:
    """In the application, and in its body."""

    def fails(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        bind_user("ilya")
        raise KeyError

    def fails_later(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        bind_user("ilya")
        yield b""
        raise KeyError

    for app in (fails, fails_later):
        with pytest.raises(KeyError):
            call(SegmentMiddleware(app), request(**VISITOR))
        assert current() is None


def pieces() -> Iterator[bytes]:
    with bound_context(ip="::1"):
        yield b"a"
        yield b"b"
        yield b"never"


def plainly(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    start_response("200 OK", [])
    return pieces()


def written(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    """By the callable that start_response returns, too."""
    write = start_response("200 OK", [])
    with bound_context(ip="::2"):
        write(b"0")
    return pieces()


def by_flask() -> Application:
    app = flask.Flask("shop")
    app.add_url_rule("/", "plain", lambda: flask.Response(pieces()))
    app.add_url_rule("/context", "context", lambda: flask.Response(flask.stream_with_context(pieces())))
    return app


@pytest.mark.parametrize("read", [0, 2], ids=["nothing", "two pieces"])
@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "let go"])
@pytest.mark.parametrize(
    ("app", "environ"),
    [
        pytest.param(plainly, request(), id="plain"),
        pytest.param(written, request(), id="write"),
        pytest.param(by_flask(), request("/"), id="flask"),
        pytest.param(by_flask(), request("/context"), id="flask, with its context"),
        pytest.param(by_flask(), request("/", REQUEST_METHOD="HEAD"), id="HEAD"),
    ],
)
def test_a_body_that_is_broken_off_leaves_nothing_behind(
    app: Application, environ: dict[str, Any], read: int, is_closed: bool
) -> None:
    """What it bound is undone under the request's bindings, in the thread that serves the next request."""
    body = SegmentMiddleware(app)(dict(environ), lambda *_: lambda _data: None)
    begun = iter(body)
    for _ in range(read):
        next(begun, None)
        assert current() is None
    if is_closed:
        body.close()  # type: ignore[attr-defined]  # as a server does
        assert current() is None
    del body, begun
    assert current() is None


def test_requests_at_the_same_time_see_their_own(shop: Shop) -> None:
    """However their greenlets take turns."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        for _ in range(3):
            gevent.sleep(0)
            shop.seen(environ["HTTP_COOKIE"].partition("=")[2])
            yield b""

    served = SegmentMiddleware(app)
    visits = [request(HTTP_COOKIE=f"ajs_anonymous_id=visitor-{number}") for number in range(20)]
    gevent.joinall([gevent.spawn(call, served, visit) for visit in visits], raise_error=True)
    sent = shop.sent()
    assert len(sent) == 60
    assert all(anonymous_id == name for anonymous_id, _, name in sent)


@pytest.mark.parametrize("body", [[b"a"], (b"a",), FileWrapper(io.BytesIO(b"a"))], ids=["list", "tuple", "file"])
def test_a_body_that_runs_no_code_is_handed_on_as_it_is(body: Iterable[bytes]) -> None:
    """The server may send it by its length, or by sendfile."""
    served = SegmentMiddleware(lambda environ, start_response: body)
    environ = {**request(), "wsgi.file_wrapper": FileWrapper}
    assert served(environ, lambda *_: None) is body


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"app": 5}, "app must be a WSGI application, not int 5"),
        ({"user": 5}, "user must be a function of the environ that returns an id or None, not int 5"),
        ({"user": "ilya"}, "user must be a function .*, not str"),
        ({"user": ""}, "user must be a function .*, not str"),
        ({"trusted_proxies": True}, "trusted_proxies must be a number from 0 on, or networks .*, not bool True"),
        ({"trusted_proxies": 1.0}, "trusted_proxies must be .*, not float 1.0"),
        ({"client_header": None}, "client_header must be the name of a header, not NoneType"),
        ({"client_header": 5}, "client_header must be .*, not int 5"),
        ({"client_header": ""}, "client_header must be the name of a header: letters"),
        ({"client_header": "X Real IP"}, "client_header must be the name of a header: letters"),
        ({"anonymous_id_cookie": True}, "anonymous_id_cookie must be the name of a cookie, or None, not bool True"),
        ({"anonymous_id_cookie": b"id"}, "anonymous_id_cookie must be .*, not bytes"),
        ({"anonymous_id_cookie": ""}, "anonymous_id_cookie must be the name of a cookie, or None: letters"),
        ({"anonymous_id_cookie": "a;b"}, "anonymous_id_cookie must be the name of a cookie, or None: letters"),
        ({"fields": None}, "fields must be some of .*, in a list or the like, not NoneType"),
        ({"fields": "ip"}, "fields must be some of .*, in a list or the like, not str"),
        ({"fields": [{}]}, "fields must be some of ip, userAgent, page, locale, campaign, not dict"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_an_error_at_once(arguments: dict[str, Any], text: str) -> None:
    """And not with the first request, or with every one; it names the argument and the value's type."""
    with pytest.raises(ConfigError, match=f"^{text}"):
        SegmentMiddleware(**{"app": call, **arguments})


def test_the_user_is_asked_for_by_the_calls_that_need_one(make_client: Callable[..., Client]) -> None:
    """With the request's environ."""
    transport = RecordingTransport()
    client = make_client(transport=transport)
    asked = []

    def user(environ: dict[str, Any]) -> str:
        asked.append(environ["PATH_INFO"])
        return "ilya"

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] == "/buy":
            client.track(event="Bought")
        return []

    served = SegmentMiddleware(app, user=user)
    call(served, request("/look"))
    call(served, request("/buy"))
    client.flush()
    assert (asked, [message["userId"] for message in transport.messages]) == (["/buy"], ["ilya"])


def test_a_call_for_nobody_is_still_an_error(shop: Shop) -> None:
    """A visitor without a cookie has no id."""
    with pytest.raises(ValidationError, match="track needs a session_id or a user_id"):
        call(SegmentMiddleware(lambda environ, start_response: shop.seen()))


def bottle_app(seen: Callable[[str], None]) -> Application:
    app = bottle.Bottle()

    @app.get("/plain")
    def plain() -> str:
        seen("plain")
        return "plain"

    @app.get("/stream")
    def stream() -> Iterator[str]:
        yield "a"
        seen("stream")
        yield "b"

    return app


def pyramid_app(seen: Callable[[str], None]) -> Application:
    def plain(request: object) -> Response:
        seen("plain")
        return Response("plain")

    def pieces() -> Iterator[bytes]:
        yield b"a"
        seen("stream")
        yield b"b"

    with Configurator() as config:
        config.add_route("plain", "/plain")
        config.add_view(plain, route_name="plain")
        config.add_route("stream", "/stream")
        config.add_view(lambda request: Response(app_iter=pieces()), route_name="stream")
    return config.make_wsgi_app()


@pytest.mark.parametrize("make_app", [bottle_app, pyramid_app])
def test_it_goes_around_a_frameworks_application(shop: Shop, make_app: Callable[..., Application]) -> None:
    """Views and streams have the bindings."""
    served = SegmentMiddleware(make_app(shop.seen))
    assert call(served, request("/plain", **VISITOR)) == b"plain"
    assert call(served, request("/stream", **VISITOR)) == b"ab"
    assert current() is None
    assert shop.sent() == [(*SEEN, "plain"), (*SEEN, "stream")]
