"""The floor: the least that could do the job, with none of what makes it safe. Nobody should use these.

One deque, one greenlet, no limits, retries, counts, time-outs or forks; failures raise. What a library adds to their
cost is what its checks cost.
"""

from __future__ import annotations

import zlib
from collections import deque
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent.event import Event

from benchmarks import event
from benchmarks.libraries import KEY, Library, Setting

_GZIP = 16 + zlib.MAX_WBITS
_CONTEXT = {"library": {"name": "floor", "version": "0"}}


class _Prototype(Library):
    """Encodes at the call, joins and sends in a greenlet."""

    module = "orjson"

    def __init__(self, host: str, setting: Setting) -> None:
        import orjson

        self.host = host
        self.waiting: deque[bytes] = deque()
        self.due, self.idle = Event(), Event()
        self.flushing = False
        self.flush_at = setting.flush_at or 100
        self.gzip = bool(setting.gzip)
        self.count = 0
        self.dumps = orjson.dumps
        self.sender = gevent.spawn(self._send_for_ever)

    def track(self, session: str, user: str, properties: dict[str, Any]) -> None:
        self.count += 1
        message = {
            "type": "track",
            "anonymousId": session,
            "userId": user,
            "event": event.NAME,
            "properties": properties,
            "messageId": f"{KEY}-{self.count}",
            "timestamp": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "context": _CONTEXT,
        }
        # The bytes that orjson returns keep a block of 4 KB, a sum its own length.
        self.waiting.append(b"," + self.dumps(message))
        if len(self.waiting) >= self.flush_at:
            self.due.set()

    def _send_for_ever(self) -> None:
        while True:
            self.due.wait()
            self.due.clear()
            while len(self.waiting) >= self.flush_at or (self.flushing and self.waiting):
                taken = [self.waiting.popleft() for _ in range(min(self.flush_at, len(self.waiting)))]
                body = b'{"batch":[%b],"writeKey":"%b"}' % (b"".join(taken)[1:], KEY.encode())
                if self.gzip:
                    compressor = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
                    body = compressor.compress(body) + compressor.flush()
                self.post(body)
            self.idle.set()

    def post(self, body: bytes) -> None:
        """Send one batch and wait for its answer."""
        raise NotImplementedError

    def flush(self) -> None:
        self.flushing = True
        self.idle.clear()
        self.due.set()
        self.idle.wait()
        self.flushing = False

    def close(self) -> None:
        self.flush()
        self.sender.kill()


class RawSocket(_Prototype):
    """HTTP by hand on one gevent socket: an answer is whatever comes back."""

    name = "raw socket, no checks"

    def __init__(self, host: str, setting: Setting) -> None:
        super().__init__(host, setting)
        url = urlsplit(host)
        assert url.port
        self.head = f"POST /v1/batch HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n".encode()
        if self.gzip:
            self.head += b"Content-Encoding: gzip\r\n"
        self.address = (url.hostname, url.port)
        self.socket: gevent.socket.socket | None = None

    def post(self, body: bytes) -> None:
        if self.socket is None:
            self.socket = gevent.socket.create_connection(self.address)
        self.socket.sendall(b"%bContent-Length: %d\r\n\r\n%b" % (self.head, len(body), body))
        self.socket.recv(65536)


class Requests(_Prototype):
    """requests, as most would use it; an answer other than 2xx raises."""

    name = "requests, few checks"

    def __init__(self, host: str, setting: Setting) -> None:
        super().__init__(host, setting)
        self.url = f"{host}/v1/batch"
        self.session: Any = None

    def post(self, body: bytes) -> None:
        import requests

        if self.session is None:
            self.session = requests.Session()
            self.session.headers["Content-Type"] = "application/json"
            if self.gzip:
                self.session.headers["Content-Encoding"] = "gzip"
        self.session.post(self.url, body, timeout=15).raise_for_status()
