"""Sends identify and track calls from gevent servers to Segment: no event lost, no request slowed.

import segment_gevent as segment

segment.initialize("WRITE_KEY")
segment.identify(user_id="ilya@segment.io", traits={"plan": "free"})
segment.track(user_id="ilya@segment.io", event="Played a Song", properties={"artist": "The Beatles"})
"""

from typing import TYPE_CHECKING

from segment_gevent import api as _api
from segment_gevent.api import (
    alias,
    diagnose,
    flush,
    group,
    health,
    identify,
    initialize,
    install_signal_handlers,
    on_drop,
    on_failure,
    on_success,
    page,
    screen,
    shutdown,
    track,
    warm_up,
)
from segment_gevent.client import Client
from segment_gevent.context import (
    bind_context,
    bind_user,
    bound_context,
    carry_context,
    clear_context,
    unbind_context,
)
from segment_gevent.counters import Health, Stats
from segment_gevent.delivery.transport import Transport
from segment_gevent.errors import (
    ConfigError,
    DeliveryError,
    NotInitializedError,
    SegmentError,
    ValidationError,
)
from segment_gevent.options import Options
from segment_gevent.version import __version__

__all__ = [
    "Client",
    "ConfigError",
    "DeliveryError",
    "Diagnosis",
    "Finding",
    "Health",
    "NotInitializedError",
    "Options",
    "SegmentError",
    "Stats",
    "Transport",
    "ValidationError",
    "__version__",
    "alias",
    "bind_context",
    "bind_user",
    "bound_context",
    "carry_context",
    "clear_context",
    "default_client",
    "diagnose",
    "flush",
    "group",
    "health",
    "identify",
    "initialize",
    "install_signal_handlers",
    "on_drop",
    "on_failure",
    "on_success",
    "page",
    "screen",
    "shutdown",
    "stats",
    "track",
    "unbind_context",
    "warm_up",
]

if TYPE_CHECKING:
    from segment_gevent.diagnosis.finding import Finding
    from segment_gevent.diagnosis.report import Diagnosis

    stats: Stats
    default_client: Client | None


def __getattr__(name: str) -> object:
    """`stats` and `default_client` change with time: each read makes them anew."""
    if name == "stats":
        return _api.stats()
    if name == "default_client":
        return _api.default_client()
    if name == "Diagnosis":
        from segment_gevent.diagnosis.report import Diagnosis  # few programs name the types

        return Diagnosis
    if name == "Finding":
        from segment_gevent.diagnosis.finding import Finding

        return Finding
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
