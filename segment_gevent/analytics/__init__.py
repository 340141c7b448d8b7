"""Takes the place of `segment.analytics`, the official client:

    import segment_gevent.analytics as analytics

    analytics.write_key = "YOUR_WRITE_KEY"
    analytics.track("user-1", "Order Completed", {"total": 19.9})

The settings, the order of arguments, `(success, message)` and `Client` are those of segment-analytics-python 2.4.0.
Underneath it is `segment_gevent`: docs/migrating.md says what differs.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Concatenate, ParamSpec, TypeVar

from segment_gevent.analytics.client import Client, OnError
from segment_gevent.analytics.version import VERSION
from segment_gevent.client import is_diverted

__all__ = ["VERSION", "Client", "alias", "flush", "group", "identify", "join", "page", "screen", "shutdown", "track"]

P = ParamSpec("P")
R = TypeVar("R")

__version__ = VERSION

# The settings, which the first call reads.
write_key: str | None = Client.DefaultConfig.write_key
host: str | None = Client.DefaultConfig.host
on_error: OnError | None = Client.DefaultConfig.on_error
debug: bool = Client.DefaultConfig.debug
log_handler: logging.Handler | None = Client.DefaultConfig.log_handler
send: bool = Client.DefaultConfig.send
sync_mode: bool = Client.DefaultConfig.sync_mode
max_queue_size: int = Client.DefaultConfig.max_queue_size
gzip: bool = Client.DefaultConfig.gzip
timeout: float | tuple[float, float] | None = Client.DefaultConfig.timeout
max_retries: int = Client.DefaultConfig.max_retries
oauth_client_id: str | None = Client.DefaultConfig.oauth_client_id
oauth_client_key: str | None = Client.DefaultConfig.oauth_client_key
oauth_key_id: str | None = Client.DefaultConfig.oauth_key_id
oauth_auth_server: str | None = Client.DefaultConfig.oauth_auth_server
oauth_scope: str | None = Client.DefaultConfig.oauth_scope

default_client: Client | None = None
"""Made from the settings by the first call; one of your own may be put here instead."""

_SETTINGS = [name for name in vars(Client.DefaultConfig) if name in globals() and not name.startswith("_")]


def _default() -> Client:
    global default_client
    if default_client is None:
        if not write_key and is_diverted():
            return _without_key()
        settings: Mapping[str, object] = globals()
        made = Client(**{name: settings[name] for name in _SETTINGS})  # type: ignore[arg-type]
        if default_client is None:  # another thread may have been first
            default_client = made
    return default_client


@cache
def _without_key() -> Client:
    """For tests that record or refuse all calls; no client of the application's, so that a key given later counts."""
    return Client("segment-events", enabled=False)


def _of_default(method: Callable[Concatenate[Client, P], R]) -> Callable[P, R]:
    """The module function that calls a method of the default client."""

    @wraps(method)
    def function(*arguments: P.args, **keywords: P.kwargs) -> R:
        return method(_default(), *arguments, **keywords)

    of_method = inspect.signature(method)
    own = list(of_method.parameters.values())[1:]
    function.__signature__ = of_method.replace(parameters=own)  # type: ignore[attr-defined]
    return function


identify = _of_default(Client.identify)
track = _of_default(Client.track)
alias = _of_default(Client.alias)
group = _of_default(Client.group)
page = _of_default(Client.page)
screen = _of_default(Client.screen)
flush = _of_default(Client.flush)
join = _of_default(Client.join)
shutdown = _of_default(Client.shutdown)
