"""Errors of the redis library, each translated once; no text of theirs is shown, since it may hold the command."""

from __future__ import annotations

import inspect
import socket
import ssl

import pytest
from redis import exceptions as of_redis

from segment_gevent.delivery.outbox.faults import NotReplicatedError, OutboxFullError, delivery_error

SHOWN = "redis://cache:6379/0"


def caused(outer: Exception, inner: Exception) -> Exception:
    """As the library raises it: what was behind it is in the context only."""
    outer.__context__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (of_redis.AuthenticationError("WRONGPASS secret"), "outbox", "the user or the password is wrong, or missing"),
        (of_redis.NoPermissionError("secret"), "outbox", "the user may not do this"),
        (of_redis.BusyLoadingError("secret"), "outbox", "it is loading its data"),
        (of_redis.OutOfMemoryError("secret"), "outbox", "its memory is full"),
        (of_redis.ReadOnlyError("secret"), "outbox", "it is a replica, and read-only"),
        (of_redis.ResponseError("MISCONF secret"), "outbox", "MISCONF"),
        (of_redis.ResponseError("wrong number of secret"), "outbox", "ResponseError"),
        (OutboxFullError("the stream is full"), "outbox", "the stream is full"),
        (NotReplicatedError("0 of 1 replicas"), "outbox", "0 of 1 replicas"),
        (of_redis.TimeoutError("secret"), "timeout", "TimeoutError"),
        (caused(of_redis.ConnectionError("secret"), ConnectionRefusedError(111, "refused")), "connection", "refused"),
        (caused(of_redis.ConnectionError("secret"), socket.gaierror(-2, "unknown name")), "dns", "unknown name"),
        (caused(of_redis.ConnectionError("secret"), ssl.SSLError(1, "bad certificate")), "tls", "bad certificate"),
        (caused(of_redis.TimeoutError("secret"), TimeoutError("timed out")), "timeout", "timed out"),
        (KeyError("secret"), "transport", "KeyError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_error_has_a_reason(error: Exception, reason: str, words: str) -> None:
    """And none a status: no error of Redis is a verdict on a batch, so that all are tried again and spooled."""
    translated = delivery_error(error, SHOWN)
    assert (translated.reason, translated.status) == (reason, None)
    assert str(translated).startswith(f"{SHOWN}: ")
    assert words in str(translated)
    assert "secret" not in str(translated)


def test_no_error_of_the_library_is_left_over() -> None:
    """Whatever it may raise becomes one of the known reasons."""
    kinds = [kind for _, kind in inspect.getmembers(of_redis, inspect.isclass) if issubclass(kind, Exception)]
    assert len(kinds) > 20
    for kind in kinds:
        error = kind.__new__(kind)  # some want arguments
        assert delivery_error(error, SHOWN).reason in {"outbox", "timeout", "connection", "transport"}
