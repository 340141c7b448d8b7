"""Visitors come one after another, each with a connection and a cookie of their own, and their requests are counted."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event
from gevent.pywsgi import WSGIServer

from segment_gevent.cli.demo.journey import Journey
from segment_gevent.cli.demo.persona import draws, persona
from segment_gevent.cli.demo.visitors import Visitors


class Door:
    """A shop that gives each visitor a cookie, and remembers who came with which, from where, for what.

    It says no to every cart, and lets nobody go while `open` is not set."""

    def __init__(self) -> None:
        self.cookies: dict[str, set[str]] = defaultdict(set)
        self.ports: dict[str, set[str]] = defaultdict(set)
        self.paths: Counter[str] = Counter()
        self.open = Event()
        self.open.set()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.open.wait()
        known = environ.get("HTTP_COOKIE", "")
        cookie = known or f"visit={sum(self.paths.values())}"
        self.cookies[cookie].add(environ["HTTP_X_FORWARDED_FOR"])
        self.ports[cookie].add(environ["REMOTE_PORT"])
        environ["wsgi.input"].read()
        self.paths[environ["PATH_INFO"]] += 1
        headers = [("Content-Length", "0"), *([] if known else [("Set-Cookie", f"{cookie}; Path=/")])]
        start_response("500 Broken" if environ["PATH_INFO"] == "/cart" else "200 OK", headers)
        return []


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def url(door: Door) -> Iterator[str]:
    server = WSGIServer(("127.0.0.1", 0), door, log=None)
    server.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop(timeout=0)


def gone(visitors: Visitors) -> bool:
    """Wait until they are."""
    with gevent.Timeout(60):
        while not visitors.are_gone:
            gevent.sleep(0.01)
    return True


def expected_paths(count: int) -> Counter[str]:
    """What so many visitors ask for."""
    paths: Counter[str] = Counter()
    for number in range(count):
        random = draws(number)
        paths.update(step.path.partition("?")[0] for step in Journey(persona(number, random), random))
    return paths


def test_each_visitor_comes_once_with_a_cookie_and_a_connection(door: Door, url: str) -> None:
    """They ask for what their story says, and what failed is counted."""
    visitors = Visitors(url, count=40, seconds=0.2)
    assert gone(visitors)
    assert (visitors.come, visitors.left) == (40, 40)
    assert door.paths == expected_paths(40)
    assert len(door.cookies) == 40
    assert {len(addresses) for addresses in door.cookies.values()} == {1}
    assert {len(ports) for ports in door.ports.values()} == {1}
    assert visitors.failed == door.paths["/cart"]
    assert visitors.answered == sum(door.paths.values()) - visitors.failed


def test_a_full_shop_lets_the_others_wait_outside(door: Door, url: str) -> None:
    """However fast they come, 200 are there at a time."""
    door.open.clear()
    visitors = Visitors(url, count=230, seconds=0.001)
    with gevent.Timeout(60):
        while visitors.come < 200:
            gevent.sleep(0.01)
    door.open.set()
    assert gone(visitors)
    assert visitors.most == 200


def test_a_shop_that_is_not_there_fails_every_request() -> None:
    """And does not hang."""
    visitors = Visitors("http://127.0.0.1:1", count=5, seconds=0.01)
    assert gone(visitors)
    assert (visitors.answered, visitors.failed) == (0, sum(expected_paths(5).values()))


def test_stopped_visitors_come_no_more(door: Door, url: str) -> None:
    """As at Ctrl-C."""
    visitors = Visitors(url, count=1_000_000, seconds=10_000)
    with gevent.Timeout(60):
        while not visitors.come:
            gevent.sleep(0.01)
    visitors.stop()
    assert visitors.come == visitors.left < 1_000_000
    visitors.stop()
