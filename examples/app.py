"""A WSGI application that tracks each page it serves: what the servers of the other examples run.

It takes the write key from `SEGMENT_WRITE_KEY`, and `SEGMENT_HOST` if that is set.
"""

import os

import segment_gevent as segment

segment.initialize()
segment.track(user_id="the server", event="App Loaded", properties={"pid": os.getpid()})


def application(environ, start_response):
    """Say hello to any request."""
    visitor = environ.get("HTTP_X_VISITOR", "somebody")
    segment.track(visitor, event="Page Viewed", properties={"path": environ["PATH_INFO"]})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello!\n"]
