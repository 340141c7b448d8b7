"""A WSGI middleware that binds what is known of a request, for every call that the application makes in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from segment_gevent.context import Scope
from segment_gevent.contrib.arguments import function
from segment_gevent.contrib.newcomer import Newcomer
from segment_gevent.contrib.visit import ANONYMOUS_ID_COOKIE, FIELDS, Reader
from segment_gevent.events.message import Id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["SegmentMiddleware"]


class SegmentMiddleware:
    """The application, under bindings of its own for each request.

    They hold while the application runs and while its body is made, piece by piece, in whichever greenlet; when the
    request is over, also by an exception or because nobody reads on, nothing of them is left. What the application
    binds besides is gone with them. Works with every client, also one that is made later. Never switches.

    Args:
        app: any WSGI application.
        trusted_proxies: how many proxies stand in front of the application, or the networks that they are in; they
            are believed about the visitor's address and scheme. 0 believes nobody.
        client_header: the header with the address: `X-Forwarded-For`, to which each proxy appends, or one in which the
            nearest proxy sets a single address, such as `X-Real-IP`.
        anonymous_id_cookie: the cookie whose value is the visitor's id before they log in; None reads no cookie.
        set_anonymous_id: give a visitor who comes without that cookie a random id, for calls that would be nobody's;
            the answer sets the cookie, if a call used the id before.
        fields: which fields of the context are bound.
        user: the user's id by the request's environ, or None for nobody; each call that needs it asks.

    Raises:
        ConfigError: an argument has a wrong type or value.

    >>> import segment_gevent as segment
    >>> def app(environ, start_response):
    ...     segment.track(event="Page Seen")  # with ip, userAgent, page, and the visitor's id
    ...     start_response("200 OK", [])
    ...     return [b"Hello"]
    >>> app = SegmentMiddleware(app, trusted_proxies=1)
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        trusted_proxies: int | str | Iterable[str] = 0,
        client_header: str = "X-Forwarded-For",
        anonymous_id_cookie: str | None = ANONYMOUS_ID_COOKIE,
        set_anonymous_id: bool = False,
        fields: Iterable[str] = FIELDS,
        user: Callable[[WSGIEnvironment], Id | None] | None = None,
    ) -> None:
        self._app = function("app", app, "a WSGI application")
        self._user = (
            None if user is None else function("user", user, "a function of the environ that returns an id or None")
        )
        self._reader = Reader(
            trusted_proxies=trusted_proxies,
            client_header=client_header,
            anonymous_id_cookie=anonymous_id_cookie,
            set_anonymous_id=set_anonymous_id,
            fields=fields,
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        newcomer = self._reader.newcomer(environ)
        scope = self._reader.scope(environ, None if self._user is None else partial(self._user, environ), newcomer)
        if newcomer is not None:
            start_response = _with_cookie(start_response, newcomer)
        body = scope.run(self._app, environ, start_response)
        return body if _is_ready(body, environ) else Body(scope, body)


class Body:
    """The body of an answer, each piece of it made under the request's bindings."""

    def __init__(self, scope: Scope, body: Iterable[bytes]) -> None:
        self._scope = scope
        self._body = body
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._pieces is None:
            self._pieces = self._scope.run(iter, self._body)
        return self._scope.run(next, self._pieces)

    def close(self) -> None:
        """As WSGI has it: the server calls it at the end, however that came."""
        close = getattr(self._body, "close", None)
        if close is not None:
            self._scope.run(close)

    def __del__(self) -> None:
        # A generator that nobody closed ends as it is let go: what it undoes then it undoes here.
        self._scope.run(vars(self).clear)


def _with_cookie(start_response: StartResponse, newcomer: Newcomer) -> StartResponse:
    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
        return start_response(status, newcomer.headers(headers), *exc_info)

    return start


def _is_ready(body: Iterable[bytes], environ: WSGIEnvironment) -> bool:
    """Whether no application code makes the body. Such a one is left as it is: a server sends a file by `sendfile`, and
    tells the length of a list of one."""
    file_wrapper = environ.get("wsgi.file_wrapper")
    return type(body) in (list, tuple) or (isinstance(file_wrapper, type) and isinstance(body, file_wrapper))
