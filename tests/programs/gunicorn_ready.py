"""gunicorn's configuration in tests: each worker says when it has taken over its signals. Earlier ones get lost."""


def post_worker_init(worker):
    worker.log.info("Worker ready")
