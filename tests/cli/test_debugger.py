"""`segment-gevent debugger`: one command, and every event is seen."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from servers.segment_calls import batch, headers, message

import segment_gevent
from segment_gevent.debugger.connection import Connection

ROOT = os.path.dirname(segment_gevent.__path__[0])


@contextmanager
def debugger(*options: str, says: str) -> Iterator[tuple["subprocess.Popen[str]", re.Match[str]]]:
    """The command, and what its first line says."""
    with subprocess.Popen(
        [sys.executable, "-m", "segment_gevent", "debugger", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ROOT},
        text=True,
    ) as command:
        assert command.stdout is not None
        said = re.search(says, command.stdout.readline())
        assert said is not None
        yield command, said


def test_it_says_where_it_is_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    """With the options that it was given, under the name that it was given."""
    plan = tmp_path / "plan.json"
    plan.write_text('{"Item Bought": {"required": ["price"]}}')
    options = ["--port", "0", "--strict", "--db", str(tmp_path / "events.db"), "--allow-host", "debugger.test"]
    options += ["--plan", str(plan), "--keep", "2"]
    with debugger(*options, says=r"http://127\.0\.0\.1:\d+") as (command, url):
        with Connection(url[0]) as connection:
            assert connection.request("POST", "/v1/batch", batch(message(1)), headers())[0] == 200
            assert connection.request("POST", "/v1/batch", batch({"type": "track"}), headers())[0] == 400
            assert connection.request("POST", "/v1/batch", batch(message(2, event="Item Sold")), headers())[0] == 400
            assert len(orjson.loads(connection.request("GET", "/_/events")[1])["events"]) == 2
            assert connection.request("GET", "/_/events", headers={"Host": "debugger.test"})[0] == 200
        command.send_signal(signal.SIGINT)
        output, errors = command.communicate(timeout=20)
        assert (command.returncode, output, errors) == (0, "", "")
    assert (tmp_path / "events.db").exists()


def test_the_address_that_it_prints_can_be_opened() -> None:
    """By another device too, where it listens on all addresses; the token comes along."""
    with debugger("--host", "0.0.0.0", "--port", "0", says=r"(http://\S+)(/\?token=\S+)") as (command, url):
        assert "//0.0.0.0" not in url[0]
        with Connection(url[1]) as connection:
            assert connection.request("GET", url[2])[0] == 303
        command.send_signal(signal.SIGTERM)
        assert "WARNING" in command.communicate(timeout=20)[1]
        assert command.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--port", "99999"), "cannot listen on 127.0.0.1:99999: "),
        (("--port", "0", "--certfile", "nowhere.pem"), "cannot use the certificate nowhere.pem: "),
    ],
)
def test_what_it_cannot_serve_with_is_told(arguments: tuple[str, ...], words: str) -> None:
    """In one line, by the command that needs nothing beside the package, too."""
    command = [sys.executable, "-W", "ignore", "-m", "segment_gevent.debugger", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.startswith(words), done.stderr.count("\n")) == (1, True, 1), done.stderr
