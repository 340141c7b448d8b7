"""The local Segment's process: it says where it is, can be had back on its port, and never outlives who started it."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from servers.local_segment import LocalSegment
from servers.segment_calls import batch, headers, message

import segment_gevent
from segment_gevent.debugger.connection import Connection

ROOT = os.path.dirname(segment_gevent.__path__[0])

STARTER = """
import os, sys
from segment_gevent.debugger.process import LocalSegment
server = LocalSegment().start()
print(server.url, flush=True)
sys.stdin.readline()
os._exit(1)
"""


def test_two_servers_stand_apart() -> None:
    """Each has its port, its events and its faults."""
    with LocalSegment() as one, LocalSegment() as other:
        assert one.port != other.port
        with Connection(one.url) as connection:
            connection.request("POST", "/v1/batch", batch(message(1)), headers())
        assert (one.summary()["total"], other.summary()["total"]) == (1, 0)


def test_https_needs_the_bundle(segment_server_tls: LocalSegment) -> None:
    """Its certificate is good to who trusts the authority, and to nobody else; the server takes no harm."""
    assert segment_server_tls.url.startswith("https://127.0.0.1:")
    with Connection(segment_server_tls.url) as connection, pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/")
    assert segment_server_tls.summary()["total"] == 0


def test_a_killed_server_comes_back_empty_on_its_port() -> None:
    """For tests of a Segment that goes away for a while."""
    server = LocalSegment().start()
    try:
        url = server.url
        server.kill()
        assert not server.running
        with pytest.raises(OSError):
            server.summary()
        server.start()
        assert server.url == url
        assert server.summary()["requests"] == 0
    finally:
        server.stop()


def test_stopping_twice_is_harmless() -> None:
    """And so is stopping what never started."""
    server = LocalSegment()
    server.stop()
    server.start()
    server.stop()
    server.stop()
    assert not server.running


def test_a_forked_child_does_not_stop_it() -> None:
    """The server belongs to the process that started it."""
    with LocalSegment() as server:
        pid = os.fork()
        if pid == 0:
            server.stop()
            server.kill()
            os._exit(0)
        os.waitpid(pid, 0)
        assert server.running
        assert server.summary()["total"] == 0


def test_it_ends_with_the_process_that_started_it() -> None:
    """Even when that one ends without a word: the pipe to the server's input ends with it."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ROOT},
    )
    assert starter.stdout is not None
    assert starter.stdin is not None
    port = int(starter.stdout.readline().rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        # An answer first, so that the server itself holds this connection, not only its backlog.
        raw.sendall(f"GET /_/summary HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        with raw.makefile("rb") as answers:
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            os.kill(starter.pid, signal.SIGKILL)
            answers.read()  # until the connection ends, with the server
    starter.wait()
    starter.stdin.close()
    starter.stdout.close()


def test_beyond_this_machine_it_warns_and_wants_a_token() -> None:
    """The address that it prints has the token, which opens the page."""
    with subprocess.Popen(
        [sys.executable, "-m", "segment_gevent.debugger", "--port", "0", "--host", "0.0.0.0", "--until-stdin-ends"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ROOT},
        text=True,
    ) as server:
        assert server.stdout is not None
        url = urlsplit(server.stdout.readline().strip())
        with Connection(f"http://127.0.0.1:{url.port}") as connection:
            assert connection.request("GET", "/_/events")[0] == 401
            assert connection.request("GET", f"/?{url.query}")[0] == 303
            bearer = {"Authorization": f"Bearer {url.query.removeprefix('token=')}"}
            assert connection.request("GET", "/_/events", headers=bearer)[0] == 200
        assert "WARNING" in server.communicate(timeout=20)[1]


def test_a_database_of_another_program_is_told(tmp_path: Path) -> None:
    """In words, with an exit code."""
    (tmp_path / "cats.db").write_text("cats " * 1000)
    command = [sys.executable, "-m", "segment_gevent.debugger", "--port", "0", "--db", str(tmp_path / "cats.db")]
    ended = subprocess.run(
        command, capture_output=True, env={**os.environ, "PYTHONPATH": ROOT}, timeout=60, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "cats.db" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_keeps_the_events_from_one_start_to_the_next(tmp_path: Path) -> None:
    """Its owner ended the server at once after they came."""
    path = str(tmp_path / "events.db")
    for count in (1, 2):
        with LocalSegment(db=path) as server:
            with Connection(server.url) as connection:
                connection.request("POST", "/v1/batch", batch(message(count)), headers())
            assert server.summary()["total"] == count


def start(*arguments: str) -> subprocess.Popen[str]:
    """The server as a person starts it, ready."""
    server = subprocess.Popen(
        [sys.executable, "-m", "segment_gevent.debugger", "--port", "0", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ROOT},
        text=True,
    )
    assert server.stdout is not None
    assert server.stdout.readline().startswith("http://127.0.0.1:")
    return server


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly(number: signal.Signals) -> None:
    """Exit code 0, and nothing but the address on its output."""
    with start() as server:
        server.send_signal(number)
        assert server.communicate(timeout=20)[0] == ""
        assert server.returncode == 0


def test_ctrl_c_is_for_the_process_that_started_it() -> None:
    """A terminal interrupts both; the one that started the server ends it when it has no more use for it."""
    with start("--until-stdin-ends") as server:
        server.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            server.wait(0.1)
        assert server.communicate(timeout=20)[0] == ""
        assert server.returncode == 0


def test_a_port_in_use_is_told(segment_server: LocalSegment, capfd: pytest.CaptureFixture[str]) -> None:
    """In words, with an exit code, without a traceback."""
    with pytest.raises(RuntimeError, match="ended with 1"):
        LocalSegment(port=segment_server.port).start()
    error = capfd.readouterr().err
    assert "cannot listen" in error
    assert "Traceback" not in error


def test_it_needs_neither_click_nor_rich() -> None:
    """The server runs from the core installation; here it ends at once, with its input."""
    program = """
import sys
sys.modules.update(click=None, rich=None)
from segment_gevent.debugger.__main__ import main
sys.exit(main(["--port", "0", "--until-stdin-ends"]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        input="",
        capture_output=True,
        env={**os.environ, "PYTHONPATH": ROOT},
        timeout=60,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("http://127.0.0.1:")


def test_it_opens_the_page_in_a_browser(tmp_path: Path) -> None:
    """The one that is set up, at the address that it prints."""
    browser, told = tmp_path / "browser", tmp_path / "told"
    browser.write_text(f'#!/bin/sh\necho "$1" >{told}\n')
    browser.chmod(0o755)
    os.mkfifo(told)
    with subprocess.Popen(
        [sys.executable, "-m", "segment_gevent.debugger", "--port", "0", "--open", "--until-stdin-ends"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ROOT, "BROWSER": str(browser)},
        text=True,
    ) as server:
        assert server.stdout is not None
        assert told.read_text() == server.stdout.readline()


def test_a_number_of_events_to_keep_is_one(capfd: pytest.CaptureFixture[str]) -> None:
    """And the newest so many are kept."""
    with LocalSegment(keep=2) as server, Connection(server.url) as connection:
        connection.request("POST", "/v1/batch", batch(*(message(number) for number in range(5))), headers())
        assert [each["message"]["messageId"] for each in server.events()] == ["id-4", "id-3"]
        assert server.summary()["total"] == 5
        assert server.ask("GET", "/_/about")["capacity"] == 2
    with pytest.raises(RuntimeError, match="ended with 2"):
        LocalSegment(keep=0).start()
    assert "a whole number from 1 on, not '0'" in capfd.readouterr().err
