"""uWSGI's gevent loop, which runs neither at-fork hooks nor exit handlers: every event arrives exactly once."""

from __future__ import annotations

import signal
from pathlib import Path
from threading import Thread

import pytest
from servers.arrivals import Arrivals
from servers.ports import free_port
from servers.web_server import EXAMPLES, uwsgi

PAGES = [f"/page/{number}" for number in range(203)]


def compare(arrivals: Arrivals, answered: set[str]) -> None:
    """Every answered page arrived; beside them only pages whose visitor was cut off."""
    arrived = arrivals.pages()
    assert answered
    assert answered <= set(arrived)
    arrivals.compare(arrived, set(arrived))


@pytest.mark.parametrize("lazy", [(), ("--lazy-apps",)], ids=["forked", "lazy-apps"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_amid_requests_loses_nothing(
    arrivals: Arrivals, number: signal.Signals, lazy: tuple[str, ...]
) -> None:
    """What was answered has been delivered when the server has ended."""
    answered: set[str] = set()
    with uwsgi(arrivals.environment, *lazy) as server:
        visits = Thread(target=lambda: answered.update(server.visit(f"/page/{number}" for number in range(3000))))
        visits.start()
        arrivals.server.wait_for(50)
        server.signal(number)
        server.ended()
        visits.join()
    compare(arrivals, answered)


@pytest.mark.parametrize("lazy", [(), ("--lazy-apps",)], ids=["forked", "lazy-apps"])
def test_a_reload_loses_nothing(arrivals: Arrivals, lazy: tuple[str, ...]) -> None:
    """SIGHUP replaces the workers, and without --lazy-apps the master too."""
    address = f"127.0.0.1:{free_port()}"  # with port 0 the server would come back on another
    with uwsgi(arrivals.environment, *lazy, address=address) as server:
        assert server.visit(PAGES[:100]) == set(PAGES[:100])
        server.signal(signal.SIGHUP)
        server.line("(?s)(The worker is ready.*){4}")
        if not lazy:
            server.line("(?s)(The master is ready.*){2}")
        assert server.visit(PAGES[100:]) == set(PAGES[100:])
        server.signal(signal.SIGTERM)
        server.ended()
    arrivals.compare(arrivals.pages(), PAGES)


def test_workers_that_reach_their_number_of_requests_lose_nothing(arrivals: Arrivals) -> None:
    """With --max-requests workers end and start all the time; here none does at the end, when uWSGI is told to."""
    options = ("--max-requests", "40", "--min-worker-lifetime", "0")
    with uwsgi(arrivals.environment, *options, workers=1) as server:
        # Each of five workers answers 40 to 43, as long as four visitors are there at once; the sixth is at its midst.
        answered = server.visit((f"/page/{number}" for number in range(235)), at_once=4)
        server.line("Respawned uWSGI worker")
        server.signal(signal.SIGTERM)
        server.ended()
    compare(arrivals, answered)


def test_what_the_master_tracked_leaves_by_one_worker(arrivals: Arrivals) -> None:
    """It arrives once and without any request: the first worker to start takes it over."""
    with uwsgi(arrivals.environment, workers=4) as server:
        arrivals.server.wait_for(1)
        server.signal(signal.SIGTERM)
        server.ended().check()
    loaded = arrivals.messages("App Loaded")
    assert [each["properties"]["pid"] for each in loaded] == [server.pid]
    assert arrivals.server.summary()["duplicates"] == 0


def test_a_worker_that_is_interrupted_as_it_takes_over_ends_and_loses_nothing(arrivals: Arrivals) -> None:
    """It ends when its loop runs, with what it took over delivered, and its master starts another."""
    with uwsgi(arrivals.environment, app="uwsgi_interrupted:application", workers=1) as server:
        server.line("(?s)interrupted.*Respawned uWSGI worker 1.*The worker is ready")
        server.signal(signal.SIGTERM)
        server.ended().check()
    assert len(arrivals.messages("App Loaded")) == 1


def test_patched_by_uwsgi_itself(arrivals: Arrivals) -> None:
    """--gevent-monkey-patch patches before the application is loaded."""
    with uwsgi(arrivals.environment, "--gevent-monkey-patch") as server:
        assert server.visit(PAGES) == set(PAGES)
        server.signal(signal.SIGTERM)
        server.ended().check()
    arrivals.compare(arrivals.pages(), PAGES)


def test_the_applications_own_exit_hook_still_runs(arrivals: Arrivals) -> None:
    """`uwsgi.atexit` is chained, not taken."""
    with uwsgi(arrivals.environment, app="uwsgi_hooks:application") as server:
        assert server.visit(PAGES) == set(PAGES)
        server.signal(signal.SIGTERM)
        ended = server.ended().check()
    assert ended.errors.count("the application's own exit hook ran") == 2
    arrivals.compare(arrivals.pages(), PAGES)


def test_without_the_gevent_loop_it_says_so(arrivals: Arrivals, tmp_path: Path) -> None:
    """No hub turns there, and nothing could be sent: one line at the start tells."""
    ini = tmp_path / "uwsgi.ini"
    ini.write_text("[uwsgi]\nhttp-socket = 127.0.0.1:0\nmodule = app:application\ndie-on-term = true\nmaster = true\n")
    with uwsgi(arrivals.environment, "--ini", str(ini), workers=0) as server:
        server.line("uWSGI runs without its gevent loop")
        assert server.visit(PAGES[:3]) == set(PAGES[:3])
        server.signal(signal.SIGTERM)
        server.ended()


SENDING = """
import segment_gevent as segment

segment.initialize(async_=False, flush_at=1)


def application(environ, start_response):
    segment.track("visitor", event="Page Viewed", properties={"path": environ["PATH_INFO"]})
    start_response("200 OK", [])
    return [b"Hello!"]
"""


def test_without_the_gevent_loop_each_call_can_send_and_workers_end_well(arrivals: Arrivals, tmp_path: Path) -> None:
    """With `async_=False`. Exit handlers run in a C signal handler there, and one that uses gevent would crash it."""
    (tmp_path / "sending.py").write_text(SENDING)
    ini = tmp_path / "uwsgi.ini"
    ini.write_text(
        f"[uwsgi]\nhttp-socket = 127.0.0.1:0\nchdir = {tmp_path}\nmodule = sending:application\n"
        "die-on-term = true\nmaster = true\n"
    )
    with uwsgi(arrivals.environment, "--ini", str(ini), workers=0) as server:
        assert server.visit(PAGES[:3]) == set(PAGES[:3])
        arrivals.compare(arrivals.pages(), PAGES[:3])
        server.signal(signal.SIGTERM)
        assert "Segmentation Fault" not in server.ended().errors


def test_the_example_configuration_works(arrivals: Arrivals, tmp_path: Path) -> None:
    """The one in `examples/`."""
    text = (EXAMPLES / "uwsgi.ini").read_text(encoding="utf-8")
    ini = tmp_path / "uwsgi.ini"
    ini.write_text(text.replace("127.0.0.1:8000", "127.0.0.1:0").replace("%d", str(EXAMPLES)), encoding="utf-8")
    with uwsgi(arrivals.environment, "--ini", str(ini)) as server:
        assert server.visit(PAGES) == set(PAGES)
        server.signal(signal.SIGTERM)
        server.ended().check()
    arrivals.compare(arrivals.pages(), PAGES)
    assert len(arrivals.messages("App Loaded")) == 1
