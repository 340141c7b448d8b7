"""A configuration for gunicorn without our hooks, that says when a worker is ready for signals."""


def post_worker_init(worker):
    """Before it, a worker still has its master's signal handlers and would lose a signal."""
    worker.log.info("The worker is ready")
