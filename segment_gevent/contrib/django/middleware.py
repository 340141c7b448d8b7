"""Django's middleware: bindings for each request, the logged-in user among them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from segment_gevent.contrib.django.settings import reader
from segment_gevent.contrib.newcomer import MAX_AGE
from segment_gevent.contrib.wsgi import Body

__all__ = ["SegmentMiddleware"]


class SegmentMiddleware:
    """As `segment_gevent.contrib.wsgi.SegmentMiddleware`, by the setting `SEGMENT_REQUESTS`.

    `request.user` is looked at by each call that needs the user's id, so that a request which tracks nothing loads no
    session. The first in `MIDDLEWARE` has the calls of all others under the bindings. It serves WSGI.

    Raises:
        ImproperlyConfigured: the setting is wrong.
    """

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response
        self._reader = reader()

    def __call__(self, request: Any) -> Any:
        newcomer = self._reader.newcomer(request.META)
        scope = self._reader.scope(request.META, partial(_user_id, request), newcomer)
        response = scope.run(self._get_response, request)
        if newcomer is not None and newcomer.id and newcomer.cookie not in response.cookies:
            response.set_cookie(
                newcomer.cookie, newcomer.id, max_age=MAX_AGE, secure=newcomer.is_secure, samesite="Lax"
            )
        # The server sends a file by itself; an asynchronous body has greenlets of its own kind.
        if response.streaming and getattr(response, "file_to_stream", None) is None and not response.is_async:
            response.streaming_content = Body(scope, response.streaming_content)
            # By this Django closes the stream itself: it asks the map that it makes of the Body for no close.
            response.close = partial(scope.run, response.close)
        return response


def _user_id(request: Any) -> str | None:
    user = getattr(request, "user", None)
    return str(user.pk) if user is not None and user.is_authenticated else None
