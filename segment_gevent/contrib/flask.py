"""A Flask extension: the default client by the application's configuration, and bindings for each request.

>>> from flask import Flask
>>> app = Flask("shop")
>>> app.config["SEGMENT_REQUESTS"] = {"trusted_proxies": 1}
>>> extension = Segment(app)
>>> @extension.user_loader
... def user_id():
...     return flask.session.get("user_id")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import flask

from segment_gevent.contrib import arguments, configured
from segment_gevent.contrib.wsgi import SegmentMiddleware
from segment_gevent.events.message import Id

__all__ = ["Segment"]

UserLoader = TypeVar("UserLoader", bound="Callable[[], Id | None]")


class Segment:
    """The extension; one may serve several applications.

    The configuration has `SEGMENT_WRITE_KEY` and `SEGMENT_OPTIONS`, a dict of the options of `initialize`: where one of
    them is set, the default client is made of them. `SEGMENT_REQUESTS` is a dict of the options of `SegmentMiddleware`.

    Raises:
        ConfigError: an option has a wrong type or value.
        TypeError: an option is unknown.
    """

    def __init__(self, app: flask.Flask | None = None) -> None:
        self._load_user: Callable[[], Id | None] | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Read the configuration, and bind what each request tells; raises as the constructor."""
        if not isinstance(app, flask.Flask):
            raise arguments.wrong("app", "a Flask application", app)
        configured.initialize(app.config.get("SEGMENT_WRITE_KEY"), app.config.get("SEGMENT_OPTIONS"))
        with configured.of_settings("SEGMENT_REQUESTS"):
            requests = {"user": self._user_id, **configured.requests(app.config.get("SEGMENT_REQUESTS"))}
            app.wsgi_app = SegmentMiddleware(app.wsgi_app, **requests)  # type: ignore[method-assign]
        app.extensions["segment_gevent"] = self

    def user_loader(self, function: UserLoader) -> UserLoader:
        """Ask the function for the user's id, in each call that needs it; a decorator.

        It is called within the request, where `flask.session` and the like can be used, and returns None for nobody.
        """
        self._load_user = arguments.function("user_loader", function, "a function that returns an id or None")
        return function

    def _user_id(self, environ: object) -> Id | None:  # noqa: ARG002 - Flask has the request at hand
        # The body of an answer is made outside of the request, unless it was made by `stream_with_context`.
        return self._load_user() if self._load_user is not None and flask.has_request_context() else None
