"""Fixtures of the integration tests: the local Segment of a scheme, what is expected of it, and a broker."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.arrivals import Arrivals
from servers.local_segment import LocalSegment
from servers.program import Process
from servers.requirements import lacking


@pytest.fixture
def http_arrivals(segment_server: LocalSegment) -> Arrivals:
    return Arrivals(segment_server, "")


@pytest.fixture
def https_arrivals(segment_server_tls: LocalSegment, ca_bundle: Path) -> Arrivals:
    return Arrivals(segment_server_tls, str(ca_bundle))


@pytest.fixture
def scheme(request: pytest.FixtureRequest) -> str:
    """Parametrized where it matters."""
    return getattr(request, "param", "http")


@pytest.fixture
def arrivals(request: pytest.FixtureRequest, scheme: str) -> Arrivals:
    """The local Segment of the test's scheme, which has seen nothing yet."""
    found: Arrivals = request.getfixturevalue(f"{scheme}_arrivals")
    return found


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """The URL of a Redis on a socket of its own."""
    if shutil.which("redis-server") is None:
        lacking("redis-server")
    path = tmp_path / "redis.sock"
    command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path)]
    with Process(command) as redis:
        redis.line("[Rr]eady to accept connections")
        yield f"redis+socket://{path}"
