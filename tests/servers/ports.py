"""Ports for servers whose address a test must know before they start."""

from __future__ import annotations

import socket

_reserved: list[socket.socket] = []


def free_port() -> int:
    """A port that nobody else is given; see `hold`."""
    return hold(0)


def hold(port: int) -> int:
    """Keep a free port, or any for 0, from others until these tests end; returns it.

    Servers may listen on it again and again (by SO_REUSEADDR). While none does, connections to it are refused.
    """
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    _reserved.append(sock)
    return int(sock.getsockname()[1])
