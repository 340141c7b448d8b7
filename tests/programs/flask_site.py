"""A Flask application: one page, one that logs in, one that streams, one that fails."""

import os

import flask

import segment_gevent as segment
from segment_gevent.contrib.flask import Segment

application = flask.Flask(__name__)
application.config.update(
    SECRET_KEY="key",
    SEGMENT_WRITE_KEY=os.environ["SEGMENT_WRITE_KEY"],
    SEGMENT_OPTIONS={"host": os.environ["SEGMENT_HOST"]},
    SEGMENT_REQUESTS={"trusted_proxies": 1, "set_anonymous_id": True},
)
extension = Segment()
extension.init_app(application)


@extension.user_loader
def user_id():
    """Whom the session knows."""
    return flask.session.get("user_id")


@application.get("/plain")
def plain():
    segment.track(event="plain")
    return "plain"


@application.get("/new")
def new():
    segment.track(event="new")
    return "new"


@application.get("/login")
def login():
    flask.session["user_id"] = 7
    segment.identify(traits={"plan": "free"})
    return "login"


@application.get("/stream")
def stream():
    def pieces():
        yield "a"
        segment.track(event="stream")
        yield "b"

    return flask.Response(pieces())


@application.get("/stream-with-context")
def stream_with_context():
    def pieces():
        yield "a"
        segment.track(event="stream-with-context")
        yield "b"

    return flask.Response(flask.stream_with_context(pieces()))


@application.get("/fail")
def fail():
    segment.bind_user("somebody else")
    segment.track(event="fail")
    flask.abort(418)
