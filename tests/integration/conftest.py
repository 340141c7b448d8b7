"""Fixtures of the integration tests: the local Segment of a scheme, and what is expected of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from servers.arrivals import Arrivals
from servers.local_segment import LocalSegment


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
