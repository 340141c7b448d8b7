"""Fixtures that all tests share: a local Segment over http and over https, emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from servers.local_segment import LocalSegment, tls_segment


@pytest.fixture(scope="session")
def certificate_authority() -> trustme.CA:
    """An authority that nobody trusts but who is told to."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_bundle(certificate_authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with the authority's certificate: what a client of `segment_server_tls` verifies with."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    certificate_authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="session")
def _http_segment() -> Iterator[LocalSegment]:
    with LocalSegment() as server:
        yield server


@pytest.fixture(scope="session")
def _https_segment(
    certificate_authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalSegment]:
    with tls_segment(certificate_authority, tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture
def segment_server(_http_segment: LocalSegment) -> LocalSegment:
    """A strict local Segment that has seen nothing yet; for tests that stop it there is `LocalSegment()` itself."""
    return _fresh(_http_segment)


@pytest.fixture
def segment_server_tls(_https_segment: LocalSegment) -> LocalSegment:
    """The same over https; its certificate is good for 127.0.0.1 and localhost to who trusts `ca_bundle`."""
    return _fresh(_https_segment)


def _fresh(server: LocalSegment) -> LocalSegment:
    if not server.running:
        return server.start()
    server.reset()
    return server
