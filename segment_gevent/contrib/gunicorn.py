"""Hooks for gunicorn, to import in its configuration file:

    from segment_gevent.contrib.gunicorn import post_worker_init, worker_exit

Neither is needed for delivery: a worker delivers all it has at its exit anyway. The first spares the first request's
batch some 100 ms of imports, at a moment when no request waits; the second delivers before the worker's other exit
handlers run, which may close what callbacks use.
"""

from __future__ import annotations

import segment_gevent as segment

__all__ = ["post_worker_init", "worker_exit"]


def post_worker_init(worker: object) -> None:  # noqa: ARG001 - gunicorn's signature
    """Import what sending needs, now that the worker has patched and loaded the application. Takes some 0.1 s.

    Does nothing where the application made no default client. A CA bundle that can't be read, or a proxy of no use,
    is left to the first send, which reports it.
    """
    if segment.default_client is not None:
        try:
            segment.warm_up()
        except segment.DeliveryError:
            return


def worker_exit(server: object, worker: object) -> None:  # noqa: ARG001 - gunicorn's signature
    """Deliver what the worker holds, within `shutdown_timeout`, and close the connections.

    Does nothing where the application made no default client.
    """
    if segment.default_client is not None:
        segment.shutdown()
