"""A WSGI application that lets the hub turn as it is loaded, with a spool: SEGMENT_HOST and SPOOL_DIR say where."""

import os

import gevent

import segment_gevent as segment

segment.initialize("write-key", spool_dir=os.environ["SPOOL_DIR"], durable="sync", flush_after=0.1)
segment.track(user_id="master", event="Imported")
gevent.sleep(0.1)  # as a query of a database does
segment.flush(10)


def application(environ, start_response):
    segment.track(user_id="visitor", event="Visited")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
