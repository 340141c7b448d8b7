"""What went wrong between a client and its outbox: every error of the redis library becomes a `DeliveryError` here.

None of them is a verdict on a batch, so that all are tried again, and then spooled: a wrong password too, since it is
mostly the password that is about to change. A text of Redis is not shown: it may hold the command, and with it the key.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator

from redis import exceptions as of_redis

from segment_gevent.errors import DeliveryError

OUTBOX = "outbox"
"""The reason where Redis answered, and did not take the batch."""

# The first that fits. Being refused is a kind of connection error to the redis library, and so comes before these.
_ANSWERS: tuple[tuple[type[BaseException], str], ...] = (
    (of_redis.NoPermissionError, "the user may not do this"),
    (of_redis.AuthenticationError, "the user or the password is wrong, or missing"),
    (of_redis.AuthorizationError, "the user may not do this"),
    (of_redis.BusyLoadingError, "it is loading its data"),
    (of_redis.OutOfMemoryError, "its memory is full"),
    (of_redis.ReadOnlyError, "it is a replica, and read-only"),
    (of_redis.MaxConnectionsError, "too many connections are in use"),
)
_CODE = re.compile(r"[A-Z]{3,20}\b")


class OutboxFullError(Exception):
    """The stream holds as many batches as it may."""


class NotReplicatedError(Exception):
    """Fewer replicas than asked for have the batch; Redis has it."""


def delivery_error(error: Exception, shown: str) -> DeliveryError:
    """The error to raise `from error`; `shown` is the outbox, without credentials."""
    if isinstance(error, OutboxFullError | NotReplicatedError):
        return DeliveryError(f"{shown}: {error}", reason=OUTBOX)
    for kind, words in _ANSWERS:
        if isinstance(error, kind):
            return DeliveryError(f"{shown}: Redis says that {words}", reason=OUTBOX)
    if isinstance(error, of_redis.ResponseError):
        code = _CODE.match(str(error))
        return DeliveryError(f"{shown}: Redis refused: {code[0] if code else type(error).__name__}", reason=OUTBOX)
    reason = _reason(error)
    return DeliveryError(f"{shown}: {_detail(error)}", reason=reason)


def _reason(error: BaseException) -> str:
    links = list(_chain(error))
    for link in reversed(links):
        if isinstance(link, socket.gaierror | socket.herror):
            return "dns"
        if isinstance(link, ssl.SSLError):
            return "tls"
        if isinstance(link, TimeoutError | of_redis.TimeoutError):
            return "timeout"
    is_about_connection = any(isinstance(link, OSError | of_redis.ConnectionError) for link in links)
    return "connection" if is_about_connection else "transport"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it came from, innermost last: the redis library leaves them in the context."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def _detail(error: BaseException) -> str:
    """The innermost error in words: its own, where the operating system or OpenSSL chose them, else its type's name."""
    root = list(_chain(error))[-1]
    return (str(root)[:200] if isinstance(root, OSError) else "") or type(root).__name__
