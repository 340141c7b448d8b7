"""A browser on the page of a local Segment: what these tests share.

The browser is started for a module (see `browsing`), and the modules run one after the other in one worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from servers.browser import Browser, Visits, browsing
from servers.local_segment import LocalSegment
from servers.segment_calls import batch, headers

from segment_gevent.debugger.connection import Connection


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser of a module's tests."""
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def shared_server() -> Iterator[LocalSegment]:
    """One local Segment for a module, which takes what is wrong and says so."""
    with LocalSegment(strict=False) as server:
        yield server


@pytest.fixture
def server(shared_server: LocalSegment) -> LocalSegment:
    """It again, with everything forgotten."""
    shared_server.reset()
    return shared_server


@pytest.fixture
def visit(browser: Browser, server: LocalSegment) -> Iterator[Visits]:
    """Opens the page at a path. An error, a breach of its policy, or a dialog that a script opened fails the test."""
    visits = Visits(browser, server.url)
    yield visits
    visits.close()
    assert visits.complaints == []


@pytest.fixture
def send(server: LocalSegment) -> Callable[..., None]:
    """Sends messages as one request; keywords are headers, with `_` for `-`."""

    def send(*messages: object, status: int = 200, **more: str) -> None:
        with Connection(server.url) as connection:
            answer = connection.request("POST", "/v1/batch", batch(*messages), headers(**more))
        assert answer[0] == status, answer

    return send
