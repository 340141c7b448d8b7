"""Fixtures that all tests share: a local Segment over http and over https, new for each test."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, settings
from servers.local_segment import LocalSegment, tls_segment
from servers.redis_server import RedisServer

from segment_gevent import Client

# A busy machine of two cores is slow at times, which is no news about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# A script's background job ignores Ctrl-C, and so would every program that a test starts to end it by that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
def _spares() -> Iterator[list[LocalSegment]]:
    """One local Segment that comes up while a test runs, for the next test."""
    spares = [LocalSegment().launch()]
    yield spares
    spares.pop().stop()


@pytest.fixture
def segment_server(_spares: list[LocalSegment]) -> Iterator[LocalSegment]:
    """A strict local Segment that has seen nothing yet.

    A new one for each test, on a new port, since what an earlier test left behind (a greenlet, a child, a retry) may
    still send to the old one.
    """
    server = _spares.pop()
    _spares.append(LocalSegment().launch())
    with server:
        yield server


@pytest.fixture
def segment_server_tls(certificate_authority: trustme.CA, tmp_path: Path) -> Iterator[LocalSegment]:
    """The same over https; its certificate is good for 127.0.0.1 and localhost to who trusts `ca_bundle`."""
    with tls_segment(certificate_authority, tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def _running_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis") / "data") as server:
        yield server


@pytest.fixture
def redis_server(_running_redis: RedisServer) -> RedisServer:
    """A Redis that is empty; one for all tests of a module, which leave it running."""
    with _running_redis.client() as client:
        client.flushall()
    return _running_redis


@pytest.fixture
def make_client() -> Iterator[Callable[..., Client]]:
    """Makes clients as `Client` does, with a write key, and ends them with the test, whatever they still hold."""
    made: list[Client] = []

    def make(**options: Any) -> Client:
        made.append(Client("write-key", **options))
        return made[-1]

    yield make
    for client in made:
        client.shutdown(0)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is slow, the soak, and what is published, unless `-m` names them."""
    left_out = [name for name in ("slow", "soak", "package") if name not in config.option.markexpr]
    kept = [item for item in items if not any(map(item.get_closest_marker, left_out))]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests recorded as `said`: the output of a test that passed is shown nowhere else."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "said":
                terminalreporter.write_line(str(value))
