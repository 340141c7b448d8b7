"""An application with a page of metrics, which any of its workers answers for all; what it tracks leaves soon."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

import segment_gevent as segment
from segment_gevent.contrib.prometheus import expose

segment.initialize(flush_after=0.1)
segment.track(user_id="the server", event="App Loaded")
expose(interval=0.05)


def application(environ, start_response):
    """Track each page, and show `/metrics`."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] != "/metrics":
        segment.track(environ["HTTP_X_VISITOR"], event="Page Viewed", properties={"path": environ["PATH_INFO"]})
        return [b"Hello!\n"]
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return [generate_latest(registry)]
