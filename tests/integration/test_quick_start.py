"""The quick starts of the documentation, as they stand there: their files, their commands, and what arrives."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from shlex import quote

import pytest
from servers.arrivals import Arrivals
from servers.ports import free_port
from servers.program import PROGRAMS, ROOT, Process
from servers.requirements import lacking
from servers.web_server import UWSGI_SAYS, WebServer

pytestmark = pytest.mark.matrix  # of ways to start; the other Pythons have it by the servers' own tests

PAGE = (ROOT / "docs" / "quick-start.md").read_text(encoding="utf-8")
PATHS = [f"/page/{number}" for number in range(23)]
WORKERS = "(The worker is ready.*){2}"
READY = {
    "gunicorn": f"(?s){WORKERS}",
    "uWSGI": f"(?s)(?=.*The master is ready).*{WORKERS}",
    "pywsgi": "Listening at",
}


class QuickStart:
    """The files of the page in a folder of their own, and its commands, on a port and with a broker that are free."""

    def __init__(self, folder: Path, arrivals: Arrivals, broker: str = "") -> None:
        self.port = free_port()
        self._folder = folder
        self._environment = {
            **arrivals.environment,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": sys.prefix,
            "GUNICORN_CMD_ARGS": f"-c {PROGRAMS / 'gunicorn_bare.py'}",
            **{f"UWSGI_{option.upper().replace('-', '_')}": value for option, value in UWSGI_SAYS.items()},
        }
        self._page = PAGE.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}").replace(", 8000)", f", {self.port})")
        self._page = self._page.replace("--run-time 10s", "--run-time 2s --stop-timeout 10")
        self._page = self._page.replace("redis://127.0.0.1:6379/0", broker)
        for name, text in re.findall(r"^```(?:python|ini)\n[#;] (\S+)\n(.*?)^```$", self._page, re.M | re.S):
            (folder / name).write_text(text, encoding="utf-8")

    def command(self, section: str) -> str:
        """The last line of a section's first block of bash: what starts its server."""
        body = re.split(r"^## ", self._page.partition(f"\n## {section}\n")[2], maxsplit=1, flags=re.M)[0]
        block = re.search(r"^```bash\n(.*?)\n```$", body, re.M | re.S)
        assert block, section
        return block[1].splitlines()[-1]

    def run(self, command: str) -> Process:
        return Process(["bash", "-c", self._in_folder(command)], self._environment)

    def serve(self, section: str) -> WebServer:
        """Start the section's server; returns when it can be visited."""
        return _Served(self._in_folder(self.command(section)), self._environment, self.port, READY[section])

    def _in_folder(self, command: str) -> str:
        return f"cd {quote(str(self._folder))} && exec {command}"


class _Served(WebServer):
    def __init__(self, command: str, environment: Mapping[str, str], port: int, ready: str) -> None:
        super().__init__(["bash", "-c", command], environment, says=rf"127\.0\.0\.1:({port})\b")
        self.line(ready)


@pytest.mark.parametrize("section", ["gunicorn", "uWSGI", "pywsgi"])
def test_a_server_delivers(arrivals: Arrivals, tmp_path: Path, section: str) -> None:
    """Every page that was seen arrives by the time that SIGTERM has ended the server."""
    if section == "uWSGI" and not (Path(sys.executable).parent / "uwsgi").exists():
        lacking("uWSGI")
    with QuickStart(tmp_path, arrivals).serve(section) as server:
        assert server.visit(PATHS) == set(PATHS)
        server.signal(signal.SIGTERM)
        server.ended()
    arrivals.compare(arrivals.pages(), PATHS)


def test_a_celery_task_tracks_for_who_ordered(arrivals: Arrivals, tmp_path: Path) -> None:
    """`python order.py` has the worker track, with the id and the address that the order was bound to."""
    if shutil.which("redis-server") is None:
        lacking("redis-server")
    redis = ["redis-server", "--port", "0", "--unixsocket", str(tmp_path / "redis.sock"), "--save", ""]
    with Process([*redis, "--dir", str(tmp_path)]) as broker:
        broker.line("[Rr]eady to accept connections")
        start = QuickStart(tmp_path, arrivals, f"redis+socket://{tmp_path / 'redis.sock'}")
        with start.run(start.command("Celery")) as worker:
            worker.line("celery@.* ready")
            with start.run("python order.py") as order:
                order.ended().check()
            arrivals.server.wait_for(1)
            worker.signal(signal.SIGTERM)
            assert worker.ended().code == 0
    (message,) = arrivals.messages("Receipt Sent")
    assert (message["userId"], message["context"]["ip"]) == ("ilya@example.org", "198.51.100.7")


def test_locusts_users_track(arrivals: Arrivals, tmp_path: Path) -> None:
    """What its users tracked arrives by the time that Locust has ended: as many events as it made requests."""
    if find_spec("locust") is None:
        lacking("locust")
    start = QuickStart(tmp_path, arrivals)
    with start.serve("pywsgi") as server:
        with start.run(start.command("Locust")) as locust:
            ended = locust.ended()
        assert ended.code == 0, ended
        server.signal(signal.SIGTERM)
        server.ended()
    tried = arrivals.messages("Cart Tried")
    assert tried
    assert {message["properties"]["status"] for message in tried} == {200}
    assert len(tried) == len(arrivals.pages())
