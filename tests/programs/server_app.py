"""The example application with one more page: `/stall` tracks, and then blocks the whole worker."""

import app
import gevent.monkey

sleep = gevent.monkey.get_original("time", "sleep")


def application(environ, start_response):
    """As the example's, but for `/stall`, which lasts until the server ends the worker."""
    answer = app.application(environ, start_response)
    if environ["PATH_INFO"] == "/stall":
        sleep(60)
    return answer
