"""A gunicorn worker of an application's own, whose name does not say what it is made of."""

from gunicorn.workers.ggevent import GeventWorker


class Worker(GeventWorker):
    """No different."""
