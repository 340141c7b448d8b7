"""The redis library's connections, made of gevent sockets and gevent TLS, and a client over a pool of them.

The library opens its connections with `socket` and `ssl`, and waits between its own attempts with a `time.sleep` that
it bound at its import: unpatched, both stall every greenlet of the hub. Here a connection opens gevent's sockets at any
time, and attempts are the sender's business alone.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import gevent.socket
import redis
from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool
from redis.exceptions import ReadOnlyError, ResponseError
from redis.retry import Retry

from segment_gevent.delivery.outbox.sentinel import Master
from segment_gevent.delivery.sockets import ForeignConnectionError, Sockets, connected, native
from segment_gevent.redis_url import RedisUrl

MOST_CONNECTIONS = 10_000
"""Of one hub; who bounds them is who sends."""

SENTINEL_TIMEOUT = (1.0, 1.0)
"""Seconds, as `timeout` of `client`: a sentinel that hangs keeps nobody from asking the next."""


class GeventConnection(Connection):
    """The redis library's connection on a gevent socket, closed whenever anything but an answer ends a command.

    Args:
        sockets: where the open sockets are noted, and who has the TLS context.
        unix_path: of a Unix socket, in the place of host and port.
        master: who says where to connect, in their place.
    """

    def __init__(
        self, *, sockets: Sockets, is_tls: bool = False, unix_path: str = "", master: Master | None = None, **given: Any
    ) -> None:
        super().__init__(**given)  # type: ignore[no-untyped-call]
        self._sockets = sockets
        self._is_tls = is_tls
        self._unix_path = unix_path
        self._master = master
        self._is_demoted = False

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[no-untyped-call]
        except BaseException:
            # Within the handshake: the next user would read the answers to it.
            self._leave()
            raise

    def _connect(self) -> Any:
        """A connected socket; cooperatively, and with the operating system's own errors."""
        process = os.getpid()
        sock = self._opened()
        if process != os.getpid():
            native(sock).close()
            raise ForeignConnectionError("the connection belongs to the parent process")
        self._sockets.sockets.add(sock)
        if not self._unix_path:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._is_tls:
            try:
                sock = self._sockets.tls_context().wrap_socket(sock, server_hostname=self.host)
            except BaseException:
                sock.close()
                raise
        sock.settimeout(self.socket_timeout)
        return sock

    def _opened(self) -> Any:
        if self._master is not None:
            self.host, self.port = self._master.address()
        if not self._unix_path:
            return connected((self.host, self.port), self.socket_connect_timeout, None)
        sock = gevent.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self.socket_connect_timeout)
            sock.connect(self._unix_path)
        except BaseException:
            sock.close()
            raise
        return sock

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send, but never on a connection of the parent process, whose command it would cut in two."""
        if self.pid != os.getpid():
            raise ForeignConnectionError("the connection belongs to the parent process")
        if self._is_demoted:
            self._leave()
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]

    def read_response(self, *args: Any, **given: Any) -> Any:
        try:
            return super().read_response(*args, **given)
        except ResponseError as error:
            # The answers to what else was sent are read; the next command goes elsewhere.
            self._is_demoted = self._is_demoted or (self._master is not None and _is_demoted(error))
            raise
        except BaseException:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise

    def _leave(self) -> None:
        """Disconnect from what is no master, or does not answer."""
        self._is_demoted = False
        self.disconnect()  # type: ignore[no-untyped-call]
        if self._master is not None:
            self._master.doubt()


def _is_demoted(error: ResponseError) -> bool:
    """Whether this Redis was the master: for some 8 s after a failover that was asked for nobody tells it so."""
    return isinstance(error, ReadOnlyError) or str(error).startswith("NOREPLICAS")


def client(url: RedisUrl, sockets: Sockets, *, timeout: tuple[float, float]) -> redis.Redis:
    """A client of the redis library for the calling hub; connects with its first command.

    Args:
        timeout: seconds for each step of connecting, and between two pieces of an answer.
    """
    master = Master(url.service, [_sentinel(url, node, sockets) for node in url.nodes]) if url.service else None
    host, port = url.nodes[0] if url.nodes else ("", 0)
    return _client(
        url.username,
        url.password,
        timeout,
        db=url.db,
        host=host,
        port=port,
        master=master,
        unix_path=url.path,
        is_tls=url.is_tls,
        sockets=sockets,
    )


def _sentinel(url: RedisUrl, node: tuple[str, int], sockets: Sockets) -> Callable[[], redis.Redis]:
    host, port = node
    return lambda: _client(
        url.sentinel_username,
        url.sentinel_password,
        SENTINEL_TIMEOUT,
        host=host,
        port=port,
        is_tls=url.is_tls,
        sockets=sockets,
    )


def _client(username: str, password: str, timeout: tuple[float, float], **given: Any) -> redis.Redis:
    connect, read = timeout
    pool = ConnectionPool(
        connection_class=GeventConnection,
        max_connections=MOST_CONNECTIONS,
        username=username or None,
        password=password or None,
        socket_connect_timeout=connect,
        socket_timeout=read,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        **given,
    )
    return redis.Redis(connection_pool=pool)
