"""A WSGI application with a durable spool, made at import: SEGMENT_HOST and SPOOL_DIR are in the environment."""

import os

import segment_gevent as segment

segment.initialize("write-key", spool_dir=os.environ["SPOOL_DIR"], durable=True, flush_after=0.1)
segment.track(user_id="master", event="Imported")


def application(environ, start_response):
    segment.track(user_id="visitor", event="Visited")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
