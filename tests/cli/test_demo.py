"""`segment-gevent demo` in real processes: it ends well, says what was lost, and leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from servers.local_segment import LocalSegment

import segment_gevent

ROOT = os.path.dirname(segment_gevent.__path__[0])


@contextmanager
def start(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A demo that is on its way; killed, if need be, with the test."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "segment_gevent", "demo", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ROOT, **environment},
        start_new_session=True,
    )
    try:
        yield demo
    finally:
        demo.kill()
        demo.communicate()


def run(*arguments: str, **environment: str) -> tuple[int, list[str]]:
    """The exit code of a whole demo and all lines that it wrote."""
    with start(*arguments, **environment) as demo:
        output, errors = demo.communicate(timeout=100)
        return demo.returncode, [*output.splitlines(), *errors.splitlines()]


def test_it_delivers_everything_once() -> None:
    """Without an account, without a terminal, and past the proxy that the environment names."""
    code, lines = run(
        "--requests", "300", "--greenlets", "20", HTTP_PROXY="http://127.0.0.1:1", NO_PROXY="other.example"
    )
    assert code == 0, lines
    assert {"calls 600", "delivered 600", "lost 0", "duplicates 0"} <= set(lines)
    assert any(line.startswith("longest stall of the hub ") for line in lines)


def test_one_request_is_enough() -> None:
    """The smallest demo ends as the large one does."""
    code, lines = run("--requests", "1")
    assert code == 0, lines
    assert "lost 0" in lines


def test_with_a_write_key_it_sends_to_a_real_server(segment_server: LocalSegment) -> None:
    """To the host that is named, with that key, which is shown nowhere; duplicates are the server's to know."""
    code, lines = run("--write-key", "sesame", "--host", segment_server.url, "--requests", "100")
    assert code == 0, lines
    assert {"lost 0", "duplicates unknown: only the server can tell"} <= set(lines)
    assert "sesame" not in "".join(lines)
    summary = segment_server.summary()
    assert (summary["valid"], summary["invalid"], summary["byType"]) == (200, 0, {"identify": 100, "track": 100})


def test_what_is_lost_is_said(segment_server: LocalSegment) -> None:
    """A server that refuses a batch for good: the exit code is 1."""
    segment_server.faults([{"status": 403}])
    code, lines = run("--write-key", "key", "--host", segment_server.url, "--requests", "100")
    assert code == 1
    (lost,) = [line for line in lines if line.startswith("lost ")]
    assert lost != "lost 0"


def test_a_host_without_a_key_is_a_usage_error() -> None:
    """Exit code 2, before anything starts."""
    code, lines = run("--host", "http://127.0.0.1:1")
    assert code == 2
    assert "--host needs --write-key" in "".join(lines)


def test_ctrl_c_ends_all_of_it(segment_server: LocalSegment) -> None:
    """No traceback; the shop it had started is gone when it ends."""
    with start("--write-key", "key", "--host", segment_server.url, "--requests", "10000000") as demo:
        segment_server.wait_for(100)
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does
        output, errors = demo.communicate(timeout=60)
        assert demo.returncode == 1
    assert "Aborted!" in errors
    assert "Traceback" not in errors
    assert "KeyboardInterrupt" not in errors
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", shop_port(output)), timeout=20)


def test_a_killed_demo_leaves_no_process_behind(segment_server: LocalSegment) -> None:
    """Its shop ends with it; the connection to the shop tells."""
    with start("--write-key", "key", "--host", segment_server.url, "--requests", "10000000") as demo:
        assert demo.stdout is not None
        lines = demo.stdout.readline() + demo.stdout.readline()
        segment_server.wait_for(100)
        with socket.create_connection(("127.0.0.1", shop_port(lines)), timeout=20) as raw:
            raw.sendall(b"GET /visit/1 HTTP/1.1\r\nHost: local\r\n\r\n")
            with raw.makefile("rb") as answers:
                assert answers.readline().startswith(b"HTTP/1.1 204")
                demo.kill()
                answers.read()  # until the connection ends, with the shop


def shop_port(output: str) -> int:
    match = re.search(r"A gevent server at http://127\.0\.0\.1:(\d+)", output)
    assert match is not None, output
    return int(match[1])
