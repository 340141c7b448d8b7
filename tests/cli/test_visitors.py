"""Visitors share out the requests and count how they ended."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from gevent.pywsgi import WSGIServer

from segment_gevent.cli.visitors import Visitors


class Door:
    """A shop that counts who comes, and fails at every tenth."""

    def __init__(self) -> None:
        self.paths: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.paths[environ["PATH_INFO"]] += 1
        failed = environ["PATH_INFO"].endswith("7")
        start_response("500 Broken" if failed else "204 No Content", [("Content-Length", "0")] if failed else [])
        return []


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def url(door: Door) -> Iterator[str]:
    server = WSGIServer(("127.0.0.1", 0), door, log=None)
    server.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop()


def test_every_number_is_visited_once(door: Door, url: str) -> None:
    """However many greenlets share them out."""
    visitors = Visitors(url, requests=100, greenlets=7)
    *_, ended = visitors.progress(0.01)
    assert ended == 100
    assert door.paths == Counter(f"/visit/{number}" for number in range(100))
    assert (visitors.answered, visitors.failed) == (90, 10)


def test_a_shop_that_is_not_there_fails_every_visit() -> None:
    """And does not hang."""
    visitors = Visitors("http://127.0.0.1:1", requests=5, greenlets=50)
    *_, ended = visitors.progress(0.01)
    assert (ended, visitors.failed) == (5, 5)


def test_stopped_visitors_come_no_more(door: Door, url: str) -> None:
    """As at Ctrl-C."""
    visitors = Visitors(url, requests=1_000_000, greenlets=3)
    assert next(visitors.progress(0.01)) < 1_000_000
    visitors.stop()
    assert visitors.answered + visitors.failed < 1_000_000
    visitors.stop()
