"""The official client's constructor options, and what each is among the core's."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

from segment_gevent import ConfigError
from segment_gevent.events.message import MESSAGE_LIMIT

LONGEST_PATIENCE = 60.0
"""Seconds more than the two limits below allow a batch: by then each message has its fate, and `flush` returns."""

_OFFICIAL = {
    "api_key": "write_key",
    "flush_at": "upload_size",
    "flush_after": "upload_interval",
    "max_in_flight": "thread",
    "max_retry_duration": "max_total_backoff_duration",
}


class DefaultConfig:
    """The options' defaults: the official client's."""

    write_key: str | None = None
    host: str | None = None
    on_error: Any = None
    debug = False
    log_handler: Any = None
    send = True
    sync_mode = False
    max_queue_size = 10_000
    gzip = False
    timeout: Any = 15
    max_retries = 10
    max_total_backoff_duration: float = 43_200
    max_rate_limit_duration: float = 1_800
    proxies: Mapping[str, str] | None = None
    thread = 1
    upload_interval: float = 0.5
    upload_size = 100
    oauth_client_id: str | None = None
    oauth_client_key: str | None = None
    oauth_key_id: str | None = None
    oauth_auth_server: str | None = "https://oauth2.segment.io"
    oauth_scope: str | None = "tracking_api:write"


def of_core(given: Mapping[str, Any]) -> dict[str, Any]:
    """What `segment_gevent.Client` is to be made with, from a value for every name in `DefaultConfig`.

    Raises:
        ValueError: one of the two durations is no number, or negative.
        ConfigError: the queue's size is no integer; all else the core checks.
    """
    for name in ("max_total_backoff_duration", "max_rate_limit_duration"):
        if not isinstance(given[name], int | float) or given[name] < 0:
            raise ValueError(f"{name} must be a non-negative number")
    if not isinstance(given["max_queue_size"], int):
        raise ConfigError(f"max_queue_size must be an integer, not {type(given['max_queue_size']).__name__}")
    # As in queue.Queue, no size is no bound; and it is one of messages alone.
    most = given["max_queue_size"] if given["max_queue_size"] > 0 else sys.maxsize // MESSAGE_LIMIT
    options: dict[str, Any] = {
        "api_key": given["write_key"],
        "enabled": bool(given["send"]),
        "flush_at": given["upload_size"],
        "flush_after": given["upload_interval"],
        "max_queue_size": most,
        "max_queue_bytes": most * MESSAGE_LIMIT,
        "max_in_flight": given["thread"],
        "gzip": bool(given["gzip"]),
        "max_retries": given["max_retries"],
        "max_retry_duration": given["max_total_backoff_duration"],
        "max_rate_limit_duration": given["max_rate_limit_duration"],
        "proxies": given["proxies"] or None,
        # The level of the logger `segment` holds: see `Client`.
        "log_level": 0,
    }
    if given["host"]:
        options["host"] = given["host"]
    if given["timeout"]:
        options["timeout"] = given["timeout"]
        options["send_timeout"] = max(30.0, 2 * _longest(given["timeout"]))
    if given["sync_mode"]:
        # Each call sends its own message, once.
        options |= {"async_": False, "flush_at": 1, "max_retries": 0, "max_rate_limit_duration": 0}
    if given["oauth_client_id"] and given["oauth_client_key"] and given["oauth_key_id"]:
        names = ("oauth_client_id", "oauth_client_key", "oauth_key_id", "oauth_auth_server", "oauth_scope")
        options |= {name: given[name] for name in names if given[name]}
        if given["oauth_auth_server"] == DefaultConfig.oauth_auth_server:
            del options["oauth_auth_server"]  # that of the region
    return options


def _longest(timeout: Any) -> float:
    """Of the times to connect and to read, as requests takes them; 0 where these are none, which the core will say."""
    times = timeout if isinstance(timeout, tuple | list) else (timeout,)
    return max((float(time) for time in times if isinstance(time, int | float)), default=0.0)


def by_official_names(text: str, options: Collection[str]) -> str:
    """What the core says of an option, by the name that the caller gave; `options` were given by the core's own.

    >>> by_official_names("flush_at must be at least 1", ())
    'upload_size must be at least 1'
    """
    name, space, rest = text.partition(" ")
    return f"{_OFFICIAL.get(name, name) if name not in options else name}{space}{rest}"
