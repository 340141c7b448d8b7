"""One small site three times, behind the WSGI middleware: by Pyramid, by Bottle, and by hand.

Each has a page, one that streams, one that fails after it has bound something. Past the middleware `/outside` is
served, and what failed is answered, so that the connection is kept.
"""

import re

import bottle
from pyramid.config import Configurator
from pyramid.response import Response

import segment_gevent as segment
from segment_gevent.contrib.wsgi import SegmentMiddleware

segment.initialize()


def plain_view():
    segment.track(event="plain")
    return b"plain"


def new_view():
    segment.track(event="new")
    return b"new"


def fail_view():
    segment.bind_user("somebody else")
    segment.bind_context(app={"name": "left behind"})
    segment.track(event="fail")
    raise LookupError("on purpose")


def pieces():
    yield b"a"
    segment.track(event="stream")
    yield b"b"


def user(environ):
    """Whom a cookie names."""
    found = re.search(r"\buser=(\w+)", environ.get("HTTP_COOKIE", ""))
    return found and found[1]


def around(app):
    """The middleware, and around it what tells whether anything is left in this greenlet."""
    inside = SegmentMiddleware(app, trusted_proxies=1, set_anonymous_id=True, user=user)

    def site(environ, start_response):
        status = "200 OK"
        if environ["PATH_INFO"] != "/outside":
            try:
                return inside(environ, start_response)
            except LookupError:
                status = "500 Internal Server Error"
        segment.track("outsider", event=f"outside of {status[:3]}")
        start_response(status, [("Content-Length", "7")])
        return [b"outside"]

    return site


def by_pyramid():
    with Configurator() as config:
        views = {
            "plain": lambda _request: Response(plain_view()),
            "new": lambda _request: Response(new_view()),
            "fail": lambda _request: fail_view(),
            "stream": lambda _request: Response(app_iter=pieces()),
        }
        for name, view in views.items():
            config.add_route(name, f"/{name}")
            config.add_view(view, route_name=name)
        return config.make_wsgi_app()


def by_bottle():
    app = bottle.Bottle(catchall=False)
    for name, view in {"plain": plain_view, "new": new_view, "fail": fail_view, "stream": pieces}.items():
        app.route(f"/{name}", callback=view)
    return app


def by_hand(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        fail_view()
    body = {"/plain": plain_view, "/new": new_view}.get(environ["PATH_INFO"])
    pieces_of_it = pieces() if body is None else [body()]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return pieces_of_it


pyramid_site = around(by_pyramid())
bottle_site = around(by_bottle())
plain_site = around(by_hand)
