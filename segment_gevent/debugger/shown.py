"""An event as the API shows it."""

from __future__ import annotations

import orjson

from segment_gevent.debugger.clock import timestamp
from segment_gevent.debugger.database import Kept


def shown(event: Kept) -> dict[str, object]:
    """The event for orjson, its message as the bytes that they are."""
    return {
        "id": event.id,
        "message": orjson.Fragment(event.message),
        "valid": not event.problems,
        "problems": event.problems,
        "duplicate": event.duplicate,
        "receivedAt": timestamp(event.received_at),
        "batch": event.batch,
        "retry": event.retry,
    }
