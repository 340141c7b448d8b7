"""gunicorn's configuration for the program `faults`: each worker says when it is ready, and reports at its end."""

from gunicorn_bare import post_worker_init  # noqa: F401


def worker_exit(server, worker):
    import faults

    faults.end()
