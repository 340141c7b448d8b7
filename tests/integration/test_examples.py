"""The programs in `examples/`, started as their own first lines say, from the repository's root."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from servers.arrivals import Arrivals
from servers.program import ROOT, Process
from servers.requirements import lacking
from servers.web_server import EXAMPLES, WebServer, pywsgi

PAGES = [f"/page/{number}" for number in range(20)]


def commands(name: str, bin_folder: Path = Path(sys.executable).parent) -> list[list[str]]:
    """The commands that an example's text gives, with the programs of an environment."""
    text = (EXAMPLES / name).read_text(encoding="utf-8").split('"""')[1]
    found = re.findall(r"^ *((?:celery|gunicorn|locust|python) .*?)(?:: .*)?$", text, re.MULTILINE)
    return [[str(bin_folder / program), *rest] for program, *rest in map(shlex.split, found)]


def test_the_text_of_the_gunicorn_example_is_true(arrivals: Arrivals) -> None:
    """Its configuration is found, and the application; on another port here."""
    (command,) = commands("gunicorn_conf.py")
    with WebServer([*command, "-b", "127.0.0.1:0"], arrivals.environment, says=r"Listening at: \S+:(\d+)") as server:
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


@pytest.fixture(scope="session")
def locust_bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Locust in an environment of its own: it brings a dozen packages, and a plugin for every run of pytest."""
    folder = tmp_path_factory.mktemp("locust")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "-e", ROOT, "locust"]).returncode:
        lacking("locust")
    return folder / "bin"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["one process", "a master and two workers"])
def test_the_locust_example_delivers_what_its_users_track(
    arrivals: Arrivals, locust_bin: Path, processes: tuple[str, ...]
) -> None:
    """As many articles were read as the application served, and all of it has arrived when the load test is over."""
    (command,) = commands("locustfile.py", locust_bin)
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
