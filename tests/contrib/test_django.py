"""Django's settings and answers; tests/integration has them in a server."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.conf import settings as project
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIRequest
from django.core.management.base import CommandError
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.test.utils import override_settings
from servers.wsgi import request

import segment_gevent as segment
from segment_gevent import bind_context, bound_context
from segment_gevent.context import current
from segment_gevent.contrib.django import settings
from segment_gevent.contrib.django.management.commands.segment_check import Command
from segment_gevent.contrib.django.middleware import SegmentMiddleware
from segment_gevent.testing import recorded

if not project.configured:  # once a process, as Django has it; each test says what it needs
    project.configure()


@pytest.mark.parametrize(
    "options", [{"flush_at": -1}, {"flush_att": 1}, {"api_key": 7}], ids=["value", "name", "write key"]
)
def test_wrong_options_are_said_to_be_the_settings(options: dict[str, Any]) -> None:
    """By Django's own error, when the project starts."""
    with override_settings(SEGMENT_OPTIONS=options), pytest.raises(ImproperlyConfigured, match="SEGMENT_OPTIONS"):
        settings.initialize()


def test_wrong_options_of_requests_are_said_to_be_the_settings() -> None:
    """When the middleware is made, and by `segment_check`."""
    for options in ({"trusted_proxies": -1}, {"proxies": 1}):
        with override_settings(SEGMENT_REQUESTS=options), pytest.raises(ImproperlyConfigured, match="SEGMENT_REQUESTS"):
            SegmentMiddleware(lambda request: HttpResponse())


def test_traits_that_are_nowhere_are_said_to_be_the_settings() -> None:
    """A function may be given itself, too."""
    with override_settings(SEGMENT_LOGIN_TRAITS="shop.traits"), pytest.raises(ImproperlyConfigured, match="shop"):
        settings.login_traits()
    with override_settings(SEGMENT_LOGIN_TRAITS=dict):
        assert settings.login_traits() is dict


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (
            {"SEGMENT_REQUESTS": {"trusted_proxies": True}},
            "SEGMENT_REQUESTS: trusted_proxies must be .*, not bool True",
        ),
        ({"SEGMENT_REQUESTS": {"client_header": 5}}, "SEGMENT_REQUESTS: client_header must be .*, not int 5"),
        ({"SEGMENT_REQUESTS": {"user": 5}}, "SEGMENT_REQUESTS: .*user"),
        ({"SEGMENT_REQUESTS": 5}, "SEGMENT_REQUESTS must be a mapping such as a dict, not int 5"),
        ({"SEGMENT_LOGIN_TRAITS": 5}, "SEGMENT_LOGIN_TRAITS must be a function of a user, .*, not int 5"),
        ({"SEGMENT_LOGIN_TRAITS": "os.sep"}, "SEGMENT_LOGIN_TRAITS must be a function of a user, .*, not str"),
    ],
    ids=str,
)
def test_the_check_reports_a_wrong_setting(wrong: dict[str, Any], text: str) -> None:
    """By its name, the argument's, and the value's type; in a line, without a traceback."""
    with override_settings(**wrong), pytest.raises(CommandError, match=f"^{text}"):
        Command().handle()


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"SEGMENT_WRITE_KEY": 5}, "SEGMENT_WRITE_KEY must be the write key, a string, not int 5"),
        ({"SEGMENT_OPTIONS": 5}, "SEGMENT_OPTIONS must be a mapping such as a dict, not int 5"),
    ],
    ids=str,
)
def test_a_setting_of_a_wrong_type_is_named(wrong: dict[str, Any], text: str) -> None:
    """When the project starts."""
    with override_settings(**wrong), pytest.raises(ImproperlyConfigured, match=f"^{text}"):
        settings.initialize()
    with override_settings(SEGMENT_LOGIN_TRAITS=5), pytest.raises(ImproperlyConfigured, match="not int 5"):
        settings.has_login_traits()


def answered(view: Any) -> Any:
    return SegmentMiddleware(view)(WSGIRequest(request()))


def test_a_view_that_fails_leaves_nothing_behind() -> None:
    """Whatever it bound."""

    def view(_request: object) -> None:
        bind_context(ip="::1")
        raise KeyError

    with pytest.raises(KeyError):
        answered(view)
    assert current() is None


def test_the_server_sends_a_file_by_itself() -> None:
    """And makes a stream piece by piece, under the bindings."""
    file = io.BytesIO(b"file")
    assert answered(lambda _request: FileResponse(file)).file_to_stream is file

    def pieces() -> Any:
        yield b"bound" if current() is not None else b"nothing"

    assert list(answered(lambda _request: StreamingHttpResponse(pieces()))) == [b"bound"]
    assert current() is None


def test_a_stream_that_is_broken_off_leaves_nothing_behind() -> None:
    """What it bound is undone as Django closes it, in the thread that serves the next request."""
    seen = []

    def pieces() -> Any:
        try:
            with bound_context(ip="::1"):
                yield b"a"
                yield b"b"
                yield b"never"
        finally:
            seen.append(current() is not None)

    answer = answered(lambda _request: StreamingHttpResponse(pieces()))
    read = iter(answer)
    assert (next(read), next(read)) == (b"a", b"b")
    answer.close()
    assert seen == [True]
    assert current() is None


def test_a_newcomer_gets_a_cookie() -> None:
    """Which Django writes; none where no call was made, or the view sets it itself."""

    def view(visit: WSGIRequest) -> HttpResponse:
        response = HttpResponse()
        if visit.path != "/quiet":
            segment.track(event="Seen")
        if visit.path == "/own":
            response.set_cookie("ajs_anonymous_id", "own-17")
        return response

    with override_settings(SEGMENT_REQUESTS={"set_anonymous_id": True}), recorded() as events:
        middleware = SegmentMiddleware(view)
        secure = {"wsgi.url_scheme": "https"}
        answers = {path: middleware(WSGIRequest(request(path, **secure))) for path in ("/", "/quiet", "/own")}
        cookie = answers["/"].cookies["ajs_anonymous_id"]
        assert not answers["/quiet"].cookies
        assert answers["/own"].cookies["ajs_anonymous_id"].value == "own-17"
        assert events[0]["anonymousId"] == cookie.value
    assert (cookie["max-age"], cookie["samesite"], cookie["path"]) == (31_536_000, "Lax", "/")
    assert (cookie["secure"], cookie["httponly"]) == (True, "")
