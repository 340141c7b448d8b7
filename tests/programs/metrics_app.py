"""The example application with a page of metrics, which any of its workers answers for all."""

import app
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from segment_gevent.contrib.prometheus import expose

expose(interval=0.05)


def application(environ, start_response):
    """As the example's, and `/metrics`."""
    if environ["PATH_INFO"] != "/metrics":
        return app.application(environ, start_response)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [generate_latest(registry)]
