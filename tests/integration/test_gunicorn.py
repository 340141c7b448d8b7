"""gunicorn's gevent worker, however it ends: what was tracked in an answered request arrives exactly once."""

from __future__ import annotations

import signal
from pathlib import Path
from threading import Thread

import pytest
from servers.arrivals import Arrivals
from servers.program import PROGRAMS
from servers.web_server import EXAMPLES, gunicorn

HOOKS = pytest.mark.parametrize(
    "configuration", [PROGRAMS / "gunicorn_bare.py", PROGRAMS / "gunicorn_hooks.py"], ids=["bare", "hooks"]
)
SAYS_READY = """
init = post_worker_init
def post_worker_init(worker):
    init(worker)
    worker.log.info("The worker is ready")
"""
PAGES = [f"/page/{number}" for number in range(203)]


def compare(arrivals: Arrivals, answered: set[str]) -> None:
    """Every answered page arrived; beside them only pages whose visitor was cut off."""
    arrived = arrivals.pages()
    assert answered
    assert answered <= set(arrived)
    arrivals.compare(arrived, set(arrived))


@HOOKS
def test_a_sigterm_amid_requests_loses_nothing(arrivals: Arrivals, configuration: Path) -> None:
    """What was answered has been delivered when the server has ended; requests came until then."""
    answered: set[str] = set()
    with gunicorn(arrivals.environment, configuration=configuration) as server:
        visits = Thread(target=lambda: answered.update(server.visit(f"/page/{number}" for number in range(3000))))
        visits.start()
        arrivals.server.wait_for(50)
        server.signal(signal.SIGTERM)
        server.ended().check()
        visits.join()
    compare(arrivals, answered)


@HOOKS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT], ids=lambda number: number.name)
def test_a_signal_loses_nothing(arrivals: Arrivals, number: signal.Signals, configuration: Path) -> None:
    """Graceful (SIGTERM) or quick (SIGINT, SIGQUIT): what waited is delivered."""
    with gunicorn(arrivals.environment, configuration=configuration) as server:
        assert server.visit(PAGES) == set(PAGES)
        server.signal(number)
        server.ended().check()
    arrivals.compare(arrivals.pages(), PAGES)


@HOOKS
def test_a_reload_loses_nothing(arrivals: Arrivals, configuration: Path) -> None:
    """SIGHUP replaces the workers: the old ones deliver as they go."""
    with gunicorn(arrivals.environment, configuration=configuration) as server:
        assert server.visit(PAGES[:100]) == set(PAGES[:100])
        server.signal(signal.SIGHUP)
        server.line(r"(?s)(The worker is ready.*){4}")
        server.line(r"(?s)(Worker exiting.*){2}")
        assert server.visit(PAGES[100:]) == set(PAGES[100:])
        server.signal(signal.SIGTERM)
        server.ended().check()
    arrivals.compare(arrivals.pages(), PAGES)


@HOOKS
def test_workers_that_reach_their_number_of_requests_lose_nothing(arrivals: Arrivals, configuration: Path) -> None:
    """With --max-requests workers end and start all the time."""
    options = ("--max-requests", "40", "--graceful-timeout", "10")
    with gunicorn(arrivals.environment, *options, configuration=configuration) as server:
        answered = server.visit(PAGES, at_once=4)
        server.line("Autorestarting worker")
        server.line(f"(?s)(The worker is ready.*){{{2 + server.errors.count('Autorestarting worker')}}}")
        server.signal(signal.SIGTERM)
        server.ended()
    compare(arrivals, answered)


@HOOKS
def test_a_worker_that_times_out_delivers(arrivals: Arrivals, configuration: Path) -> None:
    """A request that stalls the hub gets its worker a SIGABRT and a second: enough for all that was tracked."""
    with gunicorn(
        arrivals.environment,
        "--timeout",
        "3",  # its workers tell once a second that they live
        app="server_app:application",
        workers=1,
        configuration=configuration,
    ) as server:
        assert server.visit(PAGES) == set(PAGES)
        assert server.visit(["/stall"]) == set()
        server.line("WORKER TIMEOUT")
        server.line(r"(?s)(The worker is ready.*){2}")
        server.signal(signal.SIGTERM)
        server.ended()
    arrivals.compare(arrivals.pages(), [*PAGES, "/stall"])


def test_the_example_configuration_works(arrivals: Arrivals, tmp_path: Path) -> None:
    """The one in `examples/`, with its preloaded application and both hooks."""
    text = (EXAMPLES / "gunicorn_conf.py").read_text(encoding="utf-8")
    conf = tmp_path / "gunicorn_conf.py"
    conf.write_text(text.replace("127.0.0.1:8000", "127.0.0.1:0") + SAYS_READY, encoding="utf-8")
    with gunicorn(arrivals.environment, configuration=conf) as server:
        server.line("(?s)(The worker is ready.*){2}")
        assert server.visit(PAGES) == set(PAGES)
        server.signal(signal.SIGTERM)
        server.ended().check()
    arrivals.compare(arrivals.pages(), PAGES)
    assert len(arrivals.messages("App Loaded")) == 1


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["plain", "preload"])
def test_the_hooks_are_harmless_without_a_client(arrivals: Arrivals, preload: tuple[str, ...]) -> None:
    """An application that never initializes has nothing to warm up and nothing to deliver."""
    configuration = PROGRAMS / "gunicorn_hooks.py"
    with gunicorn(
        arrivals.environment, *preload, app="no_client_app:application", configuration=configuration
    ) as server:
        assert server.visit(PAGES[:10]) == set(PAGES[:10])
        server.signal(signal.SIGTERM)
        server.ended().check()
    arrivals.compare(arrivals.pages(), [])
