"""A configuration for gunicorn as prometheus_client asks for it, that says when a worker is ready for signals."""


def post_worker_init(worker):
    """Before it, a worker still has its master's signal handlers and would lose a signal."""
    worker.log.info("The worker is ready")


def child_exit(server, worker):
    """A worker that is no more has no gauges; its counters stay."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)
