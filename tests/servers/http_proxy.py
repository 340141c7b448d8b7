"""A small real proxy: CONNECT tunnels and plain forwarding, over http or https, with a password if told one."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

import gevent
import gevent.socket
from servers.http_wire import Peer, WireServer


class ProxyServer(WireServer):
    """`requests` holds what was asked of it, in absolute form or as CONNECT. `url` is the proxy's own."""

    def __init__(self, *, credentials: str | None = None, tls: Any = None) -> None:
        super().__init__(self._serve, tls=tls)
        self._expected = credentials and "Basic " + base64.b64encode(credentials.encode()).decode()
        self._credentials = credentials

    @property
    def url(self) -> str:
        userinfo = f"{self._credentials}@" if self._credentials else ""
        return f"{self._scheme}://{userinfo}127.0.0.1:{self.server_port}"

    def _serve(self, peer: Peer) -> None:
        while request := peer.request():
            if self._expected and request.headers.get("proxy-authorization") != self._expected:
                peer.answer(b"", status="407 Proxy Authentication Required")
                return
            method, target, _ = request.line.split()
            if method == "CONNECT":
                self._tunnel(peer, target)
                return
            parts = urlsplit(target)
            with gevent.socket.create_connection((parts.hostname, parts.port)) as upstream:
                head = "".join(f"{n}: {v}\r\n" for n, v in request.headers.items() if not n.startswith("proxy-"))
                upstream.sendall(f"{method} {parts.path} HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode())
                upstream.sendall(request.body)
                upstream.shutdown(gevent.socket.SHUT_WR)
                _copy(upstream, peer.sock)
            return

    def _tunnel(self, peer: Peer, target: str) -> None:
        host, _, port = target.rpartition(":")
        try:
            upstream = gevent.socket.create_connection((host.strip("[]"), int(port)))
        except OSError:
            peer.answer(b"", status="502 Bad Gateway")
            return
        with upstream:
            peer.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            there = gevent.spawn(_copy, peer.sock, upstream)
            back = gevent.spawn(_copy, upstream, peer.sock)
            gevent.wait([there, back], count=1)
            gevent.killall([there, back])


def _copy(source: Any, target: Any) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
