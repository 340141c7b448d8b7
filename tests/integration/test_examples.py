"""The programs in `examples/`, started as their own first lines say, from the repository's root."""

from __future__ import annotations

import re
import shlex
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from servers.arrivals import Arrivals
from servers.program import Process
from servers.requirements import lacking
from servers.web_server import EXAMPLES, WebServer, pywsgi

PAGES = [f"/page/{number}" for number in range(20)]


def commands(name: str) -> list[list[str]]:
    """The commands that an example's text gives, with the programs of this environment."""
    text = (EXAMPLES / name).read_text(encoding="utf-8").split('"""')[1]
    found = re.findall(r"^ *((?:celery|gunicorn|locust|python) .*?)(?:: .*)?$", text, re.MULTILINE)
    return [[str(Path(sys.executable).parent / program), *rest] for program, *rest in map(shlex.split, found)]


def test_the_text_of_the_gunicorn_example_is_true(arrivals: Arrivals) -> None:
    """Its configuration is found, and the application; on another port here."""
    (command,) = commands("gunicorn_conf.py")
    # A worker that is told to end before it listens to signals is waited for: for 30 s, if nothing else is said.
    command += ["-b", "127.0.0.1:0", "--graceful-timeout", "10"]
    with WebServer(command, arrivals.environment, says=r"Listening at: \S+:(\d+)") as server:
        server.line(r"(?s)(Booting worker.*){2}")
        assert server.visit(PAGES) == set(PAGES)
        server.signal(signal.SIGTERM)
        assert server.ended().code == 0
    arrivals.compare(arrivals.pages(), PAGES)


def test_the_celery_example_delivers_what_its_task_tracks(arrivals: Arrivals, broker: str) -> None:
    """For the user whose order it was, from the address that the order came from."""
    work, publish = commands("celery_app.py")
    environment = {**arrivals.environment, "BROKER_URL": broker}
    with Process([*work, "--loglevel", "INFO"], environment) as worker:
        worker.line("celery@.* ready")
        with Process(publish, environment) as publisher:
            publisher.ended().check()
        worker.line(r"Task send_receipt\S+ succeeded")
        worker.signal(signal.SIGTERM)
        assert worker.ended().code == 0
    for event in ("Order Completed", "Receipt Sent"):
        (message,) = arrivals.messages(event)
        assert (message["userId"], message["properties"]) == ("ilya@example.org", {"order_id": "1017"})
        assert message["context"]["ip"] == "198.51.100.7"
    summary = arrivals.server.summary()
    assert (summary["valid"], summary["invalid"], summary["duplicates"]) == (2, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["one process", "a master and two workers"])
def test_the_locust_example_delivers_what_its_users_track(arrivals: Arrivals, processes: tuple[str, ...]) -> None:
    """As many articles were read as the application served, and all of it has arrived when the load test is over."""
    if find_spec("locust") is None:
        lacking("locust")
    (command,) = commands("locustfile.py")
    with pywsgi(arrivals.environment) as server:
        arguments = ["--host", server.url, "--users", "20", "--spawn-rate", "20", "--run-time", "3s", *processes]
        arguments += ["--stop-timeout", "10"]  # or a user is stopped with a page that was served and not yet tracked
        with Process([*command, *arguments], arrivals.environment) as locust:
            assert locust.ended().code == 0
        server.signal(signal.SIGTERM)
        server.ended()
    read = [(each["anonymousId"], each["properties"]["path"]) for each in arrivals.messages("Article Read")]
    served = [(each["anonymousId"], each["properties"]["path"]) for each in arrivals.messages("Page Viewed")]
    assert len(read) > 20
    assert sorted(read) == sorted(served)
    summary = arrivals.server.summary()
    assert (summary["invalid"], summary["duplicates"]) == (0, 0)
