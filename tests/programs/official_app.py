"""The example application as an owner of the official client wrote it, with one line changed: the import."""

import os

import segment_gevent.analytics as analytics

analytics.write_key = os.environ["SEGMENT_WRITE_KEY"]
analytics.track("the server", "App Loaded", {"pid": os.getpid()})


def application(environ, start_response):
    """Say hello to any request."""
    analytics.track(environ["HTTP_X_VISITOR"], "Page Viewed", {"path": environ["PATH_INFO"]})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello!\n"]
