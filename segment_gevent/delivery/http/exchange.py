"""An exchange: one request and its answer on a connection that was kept alive, at a quarter of http.client's CPU.

From one batch to the next a request's head differs by its Content-Length only, so urllib3 writes it once. An answer
that comes in one piece, as nearly all do, is read here. For any other, and for whatever comes before a first answer
(proxies, connecting, TLS), there are http.client and urllib3, which know them all.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from urllib3 import HTTPConnectionPool, HTTPHeaderDict, HTTPResponse
from urllib3.connection import HTTPConnection

from segment_gevent.delivery.http.connections import PlainConnection, StaleConnectionError

_PIECE = 65_536  # bytes; Segment's answer has some 200

_STATUS = re.compile(r"HTTP/1\.1 ((?!204|304)[2-9]\d\d)(?: (.*))?", re.ASCII)
_FIELD = re.compile(r"\r\n([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*)(?=\r\n|\Z)", re.ASCII)

_UNUSUAL = frozenset({"content-encoding", "set-cookie", "transfer-encoding", "upgrade"})
"""Headers of answers that urllib3 had better read."""


class Head:
    """What stands before the body in each request with the same headers, as urllib3 writes and checks it.

    Raises:
        ValueError: a header's name or value is none.
    """

    __slots__ = ("_open", "headers")

    def __init__(self, pool: HTTPConnectionPool, target: str, headers: Mapping[str, str]) -> None:
        self.headers = dict(headers)
        scribe = _Scribe(pool)
        scribe.request("POST", target, headers={**self.headers, "Content-Length": "0"})
        self._open = scribe.written.removesuffix(b"0\r\n\r\n")

    def before(self, body: bytes) -> bytes:
        """The whole request."""
        return b"%b%d\r\n\r\n%b" % (self._open, len(body), body)


class _Scribe(HTTPConnection):
    """A connection to nowhere: it keeps what it would send."""

    def __init__(self, pool: HTTPConnectionPool) -> None:
        super().__init__(pool.host, pool.port)
        self.default_port = pool.ConnectionCls.default_port  # type: ignore[misc]  # which the Host header leaves out
        self.written = b""

    def send(self, data: Any) -> None:
        self.written += data


class Answer(NamedTuple):
    """An answer that was read whole."""

    status: int
    reason: str
    headers: dict[str, str]
    content: bytes


def exchange(pool: HTTPConnectionPool, head: Head, body: bytes) -> Answer | HTTPResponse | None:
    """POST on a connection that `pool` kept alive; None, and nothing was sent, where it has none.

    Waits cooperatively, for the answer's pieces as long as the connection's last time-out says. An answer that is
    still to be read holds the connection meanwhile, as those of the pool's `urlopen` do.

    Raises:
        StaleConnectionError: the server closed the connection before an answer.
        http.client.HTTPException, OSError: as they come. Like any other exception it costs the connection.
    """
    connection = pool._get_conn()
    assert isinstance(connection, PlainConnection)
    is_free = True
    try:
        if connection.sock is None:
            return None
        with suppress(BrokenPipeError):  # there may be an answer from before the close
            connection.send(head.before(body))
        begun = _first_piece(connection.sock)
        answer = whole_answer(begun)
        if answer is not None:
            return answer
        response = _read_on(pool, connection, begun)
        is_free = False
        return response
    except BaseException:
        connection.close()
        raise
    finally:
        if is_free:
            pool._put_conn(connection)


def _first_piece(sock: Any) -> bytes:
    try:
        begun: bytes = sock.recv(_PIECE)
    except ConnectionError as error:
        raise StaleConnectionError(str(error)) from error
    if not begun:
        raise StaleConnectionError("the server closed the connection without an answer")
    return begun


def whole_answer(piece: bytes) -> Answer | None:
    """The answer that `piece` is; None where it is less, more or of an unusual kind.

    >>> whole_answer(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
    Answer(status=200, reason='OK', headers={'Content-Length': '2'}, content=b'{}')
    """
    start, _, content = piece.partition(b"\r\n\r\n")
    line, _, fields = start.decode("latin-1").partition("\r\n")
    status = _STATUS.fullmatch(line)
    if status is None:
        return None
    headers: dict[str, str] = dict(_FIELD.findall(f"\r\n{fields}"))
    lower = {name.lower(): value for name, value in headers.items()}
    is_usual = (
        len(lower) == fields.count("\r\n") + 1  # each line is a header, and none comes twice
        and lower.get("content-length") == str(len(content))
        and lower.get("connection", "keep-alive").lower() == "keep-alive"
        and _UNUSUAL.isdisjoint(lower)
    )
    return Answer(int(status[1]), (status[2] or "").strip(), headers, content) if is_usual else None


class _Begun(io.RawIOBase):
    """A socket's stream from its start, of which a piece was received already."""

    def __init__(self, begun: bytes, sock: Any) -> None:
        self._begun = begun
        self._rest = sock.makefile("rb", 0)

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if not self._begun:
            size: int | None = self._rest.readinto(buffer)
            return size
        piece = self._begun[: len(buffer)]
        buffer[: len(piece)] = piece
        self._begun = self._begun[len(piece) :]
        return len(piece)

    def close(self) -> None:
        self._rest.close()
        super().close()


def _read_on(pool: HTTPConnectionPool, connection: PlainConnection, begun: bytes) -> HTTPResponse:
    """The answer that has `begun`, by the means of the pool's `urlopen`."""
    answer = connection.response_class(_Begun(begun, connection.sock), method="POST")  # type: ignore[arg-type]
    try:
        answer.begin()
    except BaseException:
        answer.close()  # left to the garbage collector, it would find its stream closed, and Python 3.13 prints that
        raise
    if answer.will_close:
        connection.close()
    return HTTPResponse(
        body=answer,
        headers=HTTPHeaderDict(answer.msg.items()),
        status=answer.status,
        version=answer.version,
        reason=answer.reason,
        preload_content=False,
        decode_content=False,
        original_response=answer,
        pool=pool,
        connection=connection,
        request_method="POST",
    )
