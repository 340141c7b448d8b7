"""A configuration for gunicorn that imports the hooks, and says when a worker is ready for signals."""

from segment_gevent.contrib import gunicorn as hooks
from segment_gevent.contrib.gunicorn import worker_exit  # noqa: F401


def post_worker_init(worker):
    """As in the package; before it, a worker still has its master's signal handlers and would lose a signal."""
    hooks.post_worker_init(worker)
    worker.log.info("The worker is ready")
