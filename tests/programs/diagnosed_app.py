"""A WSGI application that answers with what the doctor finds in its process, as JSON.

LATE=1 in its environment patches after requests was imported, as an application does that patches by itself.
"""

import os

if os.environ.get("LATE"):
    import requests  # noqa: F401
    from gevent import monkey

    monkey.patch_all()

import segment_gevent as segment

segment.initialize()
at_load = segment.diagnose(network=False)


def application(environ, start_response):
    """Of this request's moment, or of the moment of loading."""
    diagnosis = at_load if environ["PATH_INFO"] == "/load" else segment.diagnose(within=5)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [diagnosis.to_json().encode()]
