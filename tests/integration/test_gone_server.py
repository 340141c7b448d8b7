"""A server that refuses or keeps silent holds up no process's end, and what it did not take is counted and told."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from servers.program import program

ORDERS = pytest.mark.parametrize("order", ["patched-first", "not-patched"])


@contextmanager
def refusing() -> Iterator[str]:
    """The address of a port where nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


@contextmanager
def silent(scheme: str = "http") -> Iterator[str]:
    """The address of a server whose kernel takes connections, and who never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield f"{scheme}://127.0.0.1:{server.getsockname()[1]}"


@ORDERS
@pytest.mark.parametrize("when", ["at-once", "in-flight", "after-flush", "from-thread"])
@pytest.mark.parametrize("server", ["refusing", "silent", "silent-tls"])
def test_an_exit_ends_in_time_and_counts(order: str, server: str, when: str) -> None:
    """Delivery gives up when `shutdown_timeout` is over: dropped, counted, and told in one line."""
    address = {"refusing": refusing, "silent": silent, "silent-tls": lambda: silent("https")}[server]
    with address() as url, program("gone", order, url, "", when, "0.3") as process:
        ended = process.ended()
    assert ended.code == 0, ended
    assert json.loads(ended.output) == {
        "submitted": 100,
        "delivered": 0,
        "failed": 0,
        "dropped": 100,
        "pending": 0,
        "reasons": {"shutdown": 100},
    }
    told = ended.errors.splitlines()
    assert len([line for line in told if re.match("100 messages dropped at shutdown", line)]) == 1, told
    assert len([line for line in told if re.match("delivery to .* fails", line)]) <= 1, told
    assert len(told) <= 2, told
