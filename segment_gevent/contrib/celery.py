"""Celery: tasks have the bindings of whoever published them, and a worker delivers before it ends.

To be called where the Celery application is made, in the worker and in whatever publishes:

    from segment_gevent.contrib import celery as segment_celery

    segment_celery.connect()
"""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from typing import Any

import orjson
from celery import signals

import segment_gevent as segment
from segment_gevent.context import current

__all__ = ["connect"]

_HEADER = "segment_gevent"
_BLOCK = "segment_gevent_block"


def connect(*, carry_context: bool = True) -> None:
    """Connect to Celery's signals, for all applications of the process; safe twice. Never switches.

    Args:
        carry_context: send what is bound along with each task that is published, as a header of its message, and bind
            it while the task runs. A user's id that is bound as a function is asked for when a task is published; an
            error of the function is in Celery's log, and the task has all that is bound but the ids.
    """
    signals.worker_ready.connect(_warm_up, dispatch_uid=_HEADER)
    signals.worker_shutdown.connect(_flush, dispatch_uid=_HEADER)
    signals.worker_process_init.connect(_warm_up, dispatch_uid=_HEADER)
    signals.worker_process_shutdown.connect(_shut_down, dispatch_uid=_HEADER)
    signals.task_prerun.connect(_begin, dispatch_uid=_HEADER)
    signals.task_postrun.connect(_end, dispatch_uid=_HEADER)
    if carry_context:
        signals.before_task_publish.connect(_attach, dispatch_uid=_HEADER)


# The worker.


def _warm_up(**_signal: object) -> None:
    """What can't be read now is left to the first send, which reports it."""
    if segment.default_client is not None:
        with suppress(segment.DeliveryError):
            segment.warm_up()


def _flush(**_signal: object) -> None:
    """All tasks have ended. The process may go on, where a test runs the worker: so the client is left open."""
    if (client := segment.default_client) is not None:
        client.flush(client.options.shutdown_timeout)


def _shut_down(**_signal: object) -> None:
    """A child of the prefork pool ends without Python's exit handlers, and without a time to come."""
    if segment.default_client is not None:
        segment.shutdown()


# The tasks.


def _attach(headers: dict[str, Any], **_signal: object) -> None:
    """As text: a broker's headers hold fewer types than JSON does."""
    binding = current()
    if binding is not None:
        bound: dict[str, object] = {"fields": binding.fields, "session_id": None, "user_id": None}
        try:
            bound["session_id"], bound["user_id"] = binding.who(None, None)
        finally:  # Celery logs an error, and publishes
            headers[_HEADER] = orjson.dumps(bound, default=str).decode()


def _begin(task: Any, **_signal: object) -> None:
    """What a task binds is gone at its end: a pool of processes runs the next one in the same context."""
    block: AbstractContextManager[None] = segment.bound_context()
    block.__enter__()
    setattr(task.request, _BLOCK, block)
    if task.request.is_eager:  # runs within its caller, whose bindings are there
        return
    segment.clear_context()
    header = getattr(task.request, _HEADER, None)
    if header:
        bound = orjson.loads(header)
        segment.bind_context(**bound["fields"])
        segment.bind_user(bound["user_id"], bound["session_id"])


def _end(task: Any, **_signal: object) -> None:
    block: AbstractContextManager[None] | None = getattr(task.request, _BLOCK, None)
    if block is not None:
        block.__exit__(None, None, None)
