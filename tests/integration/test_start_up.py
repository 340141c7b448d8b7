"""The start-up matrix: in every way a gevent process is started, every event arrives exactly once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from signal import SIGTERM
from typing import NamedTuple

import pytest
from servers.arrivals import Arrivals, Counted, numbered
from servers.program import program
from servers.web_server import WebServer, gunicorn, pywsgi, uwsgi

ORDERS = ("patched-first", "patched-late", "not-patched")
SCHEMES = ("http", "https")
PAGES = [f"/page/{number}" for number in range(203)]


class Way(NamedTuple):
    """One way to run: a row of the matrix."""

    program: str
    arguments: tuple[str, ...]
    expected: Callable[[], Counted]


def crowd(*groups: tuple[str, int, int]) -> Callable[[], Counted]:
    """What `"name {}"`, so many of them, send by counting so far each."""
    return lambda: {
        pair for name, many, count in groups for number in range(many) for pair in numbered(name.format(number), count)
    }


WAYS = {
    "script": Way("script", (), crowd(("script", 1, 1000))),
    "fork": Way("fork", (), crowd(("parent", 1, 800), ("child", 1, 300))),
    "multiprocessing-fork": Way("processes", ("fork",), crowd(("parent", 1, 500), ("child {}", 2, 200))),
    "multiprocessing-spawn": Way("processes", ("spawn",), crowd(("parent", 1, 500), ("child {}", 2, 200))),
    "threadpool": Way("threadpool", (), crowd(("pool {}", 4, 200), ("greenlet {}", 4, 50))),
    "threads": Way("threads", (), crowd(("thread {}", 4, 250))),
    "thread-hubs": Way(
        "thread_hubs", (), crowd(("main", 1, 200), *((f"thread {i} greenlet {{}}", 4, 100) for i in range(3)))
    ),
    "subprocesses": Way("subprocesses", (), crowd(("greenlet {}", 10, 100))),
}


def cells() -> list[pytest.ParameterSet]:
    """Every cell; the column that other Pythons run too is the one that most applications are in."""
    return [
        pytest.param(
            order,
            scheme,
            way,
            id=f"{order}-{scheme}-{way}",
            marks=[pytest.mark.matrix_column] if (order, scheme) == ("patched-first", "https") else [],
        )
        for way, scheme, order in product(WAYS, SCHEMES, ORDERS)
    ]


@pytest.mark.matrix
@pytest.mark.parametrize(("order", "scheme", "way"), cells(), indirect=["scheme"])
def test_every_event_arrives_once(
    order: str, scheme: str, way: str, arrivals: Arrivals, record_property: Callable[[str, object], None]
) -> None:
    """Nothing is lost, nothing comes twice, and the process ends by itself without a word."""
    record_property("row", way)
    record_property("column", f"{order} {scheme}")
    with program(WAYS[way].program, order, *arrivals.arguments, *WAYS[way].arguments) as process:
        ended = process.ended().check()
    assert not ended.errors, ended.errors
    arrivals.expect(WAYS[way].expected())


SERVERS: dict[str, Callable[[Mapping[str, str]], WebServer]] = {
    "gunicorn": gunicorn,
    "gunicorn-preload": lambda environment: gunicorn(environment, "--preload"),
    "gunicorn-preload-patched-app": lambda environment: gunicorn(
        environment, "--preload", app="patched_app:application"
    ),
    "uwsgi": uwsgi,
    "uwsgi-lazy-apps": lambda environment: uwsgi(environment, "--lazy-apps"),
    "pywsgi": pywsgi,
}
LOADED_ONCE = ("gunicorn-preload", "gunicorn-preload-patched-app", "uwsgi", "pywsgi")
"""Where one process loads the application; elsewhere each of two workers does."""


def server_cells() -> list[pytest.ParameterSet]:
    return [
        pytest.param(
            scheme, server, id=f"{scheme}-{server}", marks=[pytest.mark.matrix_column] if scheme == "https" else []
        )
        for server, scheme in product(SERVERS, SCHEMES)
    ]


@pytest.mark.matrix
@pytest.mark.parametrize(("scheme", "server"), server_cells(), indirect=["scheme"])
def test_every_event_of_a_server_arrives_once(
    server: str, arrivals: Arrivals, scheme: str, record_property: Callable[[str, object], None]
) -> None:
    """What its requests track, and what was tracked as it loaded the application, arrive when SIGTERM has ended it."""
    record_property("row", server)
    record_property("column", f"server {scheme}")
    with SERVERS[server](arrivals.environment) as process:
        assert process.visit(PAGES) == set(PAGES)
        process.signal(SIGTERM)
        process.ended().check(code=-SIGTERM if server == "pywsgi" else 0)
    arrivals.compare(arrivals.pages(), PAGES)
    loaded = [each["properties"]["pid"] for each in arrivals.server.messages(event="App Loaded")]
    assert len(loaded) == len(set(loaded)) == (1 if server in LOADED_ONCE else 2)


@pytest.mark.matrix
@pytest.mark.parametrize("order", ["patched-first", "not-patched"])
@pytest.mark.parametrize("way", WAYS)
def test_every_event_of_the_drop_in_arrives_once(order: str, way: str, http_arrivals: Arrivals) -> None:
    """The same programs, with `segment_gevent.analytics` in the place of the official client."""
    name, arguments, expected = WAYS[way]
    environment = {**http_arrivals.environment, "SEGMENT_AS": "analytics"}
    with program(name, order, *http_arrivals.arguments, *arguments, environment=environment) as process:
        process.ended().check()
    http_arrivals.expect(expected())


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["no preload", "preload"])
def test_every_event_of_the_drop_in_under_gunicorn_arrives_once(
    options: tuple[str, ...], http_arrivals: Arrivals
) -> None:
    """A client that the module's import makes, before the fork too, serves the workers and the master."""
    with gunicorn(http_arrivals.environment, *options, app="official_app:application") as server:
        assert server.visit(PAGES) == set(PAGES)
        server.signal(SIGTERM)
        server.ended().check()
    http_arrivals.compare(http_arrivals.pages(), PAGES)
    assert len(http_arrivals.messages("App Loaded")) == (1 if options else 2)
