"""The module functions, over one default client: the only global state of the package."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar
from weakref import WeakSet

from segment_gevent.checks import duration
from segment_gevent.client import Client
from segment_gevent.counters import Health, Stats
from segment_gevent.delivery.reporter import Callbacks, OnDrop, OnFailure, OnSuccess, listen
from segment_gevent.errors import NotInitializedError, ValidationError
from segment_gevent.options import Options, Seconds
from segment_gevent.signatures import takes_options

if TYPE_CHECKING:
    from segment_gevent.diagnosis.report import Diagnosis

P = ParamSpec("P")
R = TypeVar("R")

_default: Client | None = None
_replaced: WeakSet[Client] = WeakSet()
_draining: list[Client] = []  # of the replaced: nobody else may hold them, and they have messages
_callbacks = Callbacks()


def default_client() -> Client | None:
    """The client of the module functions; None before `initialize`. Read it as `segment_gevent.default_client`."""
    return _default


def stats() -> Stats:
    """The default client's counts, zeros before `initialize`. Read them as `segment_gevent.stats`."""
    return Stats() if _default is None else _default.stats


def health() -> Health:
    """As `Client.health`, for the default client; not `ok` before `initialize`. Never switches or raises."""
    return Health(ok=False, reason="initialize was not called") if _default is None else _default.health()


def _initialized() -> Client:
    if _default is None:
        raise NotInitializedError("call segment_gevent.initialize(write_key) first")
    return _default


@takes_options(Options)
def initialize(options: Options) -> Client:
    """Make the default client, which the module functions then use, and return it. The options are in `Options`.

    Called again, it replaces the default client; the one before delivers in the background what it has. Callbacks that
    were registered with the module's `on_success`, `on_failure` and `on_drop` stay.

    Raises:
        ConfigError: an option has a wrong type or value, or there is no write key.
        TypeError: an option is unknown; the text names one that is spelt much like it.
    """
    global _default
    client = Client.from_options(options, _callbacks)
    before, _default = _default, client
    _forget_drained()
    if before is not None:
        _replaced.add(before)
        _draining.append(before)
        before.hasten()
    return client


def _forget_drained() -> None:
    for client in _draining:
        client.close_idle()
    _draining[:] = [client for client in _draining if client.stats.pending]


def _of_default(method: Callable[Concatenate[Client, P], R]) -> Callable[P, R]:
    """The module function that calls a method of the default client."""

    of_method = inspect.signature(method)
    signature = of_method.replace(parameters=list(of_method.parameters.values())[1:])

    @wraps(method)
    def function(*arguments: P.args, **keywords: P.kwargs) -> R:
        client = _default or _initialized()
        try:
            return method(client, *arguments, **keywords)
        except TypeError:
            _check_arguments(method.__name__, signature, arguments, keywords)
            raise

    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__module__ = __name__
    function.__qualname__ = method.__name__
    return function


def _check_arguments(
    name: str, signature: inspect.Signature, arguments: tuple[object, ...], keywords: dict[str, object]
) -> None:
    """Say what is wrong with a call: Python's own text names the method, and counts its self."""
    try:
        signature.bind(*arguments, **keywords)
    except TypeError as error:
        raise TypeError(f"{name}(): {error}") from None


identify = _of_default(Client.identify)
track = _of_default(Client.track)
page = _of_default(Client.page)
screen = _of_default(Client.screen)
group = _of_default(Client.group)
alias = _of_default(Client.alias)
warm_up = _of_default(Client.warm_up)


def flush(timeout: Seconds | None = None) -> bool:
    """As `Client.flush`, for the default client and the clients that it replaced, as long as anybody has them.

    Raises:
        NotInitializedError: `initialize` was not called.
        ValidationError: `timeout` is no duration.
    """
    return _each(Client.flush, duration(timeout, _initialized().options.flush_timeout))


def shutdown(timeout: Seconds | None = None) -> bool:
    """As `Client.shutdown`, for the default client and the clients that it replaced, as long as anybody has them.

    Raises:
        NotInitializedError: `initialize` was not called.
        ValidationError: `timeout` is no duration.
    """
    return _each(Client.shutdown, duration(timeout, _initialized().options.shutdown_timeout))


def _each(method: Callable[[Client, float], bool], timeout: float) -> bool:
    """Call the method of every client, within one time-out for all; whether each said True."""
    deadline = time.monotonic() + timeout
    answers = [method(client, max(0.0, deadline - time.monotonic())) for client in [_initialized(), *_replaced]]
    _forget_drained()
    return all(answers)


def diagnose(client: Client | None = None, *, network: bool = True, within: Seconds = 10) -> Diagnosis:
    """Look at the process in which it is called, as `segment-gevent doctor` does, and say what is wrong.

    Patches and the order of imports, gevent's resolver and loop, the server around, versions, the write key's shape,
    options, proxies, certificates, the spool, the OAuth key, and the ways to the servers. No event is sent, and no
    secret is shown. For start-up, a shell and an admin page: it takes some 0.1 s of CPU, and the network's time.

    Args:
        client: whose options and counts to look at; left out, the default client, or where there is none any other,
            or the environment.
        network: False leaves the servers alone, switches greenlets for some turns of the loop at most, and imports
            neither ssl nor requests. True imports them, as the first send does: call it after any monkey-patching. In
            the hub, where nothing can wait, it is False.
        within: seconds or a timedelta that the way to each server may take.

    Raises:
        ValidationError: an argument is of a wrong type.
    """
    if client is not None and not isinstance(client, Client):
        raise ValidationError(f"client must be a Client, not {type(client).__name__}")
    if not isinstance(network, bool):
        raise ValidationError(f"network must be a bool, not {type(network).__name__}")
    limit = duration(within, 10.0, "within")
    from segment_gevent.diagnosis.examination import diagnose as examine  # few processes ever ask

    return examine(client or _default, network=network, within=limit)


def on_success(callback: OnSuccess) -> OnSuccess:
    """As `Client.on_success`, for the default client, also one that is initialized later."""
    return listen(_callbacks.success, callback)


def on_failure(callback: OnFailure) -> OnFailure:
    """As `Client.on_failure`, for the default client, also one that is initialized later."""
    return listen(_callbacks.failure, callback)


def on_drop(callback: OnDrop) -> OnDrop:
    """As `Client.on_drop`, for the default client, also one that is initialized later."""
    return listen(_callbacks.drop, callback)


def install_signal_handlers() -> None:
    """Have SIGTERM deliver what every client of this process holds, and then do what it did before.

    For plain scripts and pywsgi under systemd or Kubernetes: SIGTERM's default ends Python without its exit handlers.
    gunicorn, uWSGI and Celery have handlers of their own and need none of this. Call it in the main thread, after
    other handlers of SIGTERM were installed.

    Raises:
        ValueError: not called in the main thread.
    """
    from segment_gevent.delivery import signals  # few programs need it

    signals.install()
