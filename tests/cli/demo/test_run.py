"""`segment-gevent demo` in real processes: it ends well, says what was lost, and leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from servers.local_segment import LocalSegment
from servers.shop import Customer

import segment_gevent
from segment_gevent.cli.app import commands
from segment_gevent.cli.demo.journey import Journey
from segment_gevent.cli.demo.persona import draws, persona
from segment_gevent.debugger.connection import Connection
from segment_gevent.testing import recorded

ENDLESS = ("--visitors", "100000", "--seconds", "1000")
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


def test_it_delivers_everything_once_through_its_troubles() -> None:
    """Without an account, a terminal, or heed to the proxy and the outbox that the environment names. Each trouble met
    the client, whose queue and batches grew, and which was through before the report."""
    elsewhere = {
        "HTTP_PROXY": "http://127.0.0.1:1",
        "NO_PROXY": "other.example",
        "SEGMENT_OUTBOX": "redis://127.0.0.1:1",
    }
    code, lines = run("--headless", "--visitors", "200", **elsewhere)
    assert code == 0, lines
    assert {"lost 0", "duplicates 0", "invalid 0"} <= set(lines)
    (calls,) = [line.split()[1].rstrip(":") for line in lines if line.startswith("calls ")]
    assert f"delivered {calls}" in lines
    for trouble, words in (("rate limit", "answers 429 Too Many Requests"), ("outage", "is away")):
        assert any(f"Segment {words}" in line for line in lines), lines
        (line,) = [line for line in lines if line.startswith(f"{trouble} of ")]
        refused, fullest, usual, largest = map(int, re.findall(r"(?:: |to |from )(\d+)", line.replace(",", "")))
        assert refused >= 1, line
        assert largest > usual > 0, line
        assert fullest > usual, line
        assert re.search(r"all delivered \d+\.\d s after it$", line), line
    assert any(line.endswith("works again") for line in lines), lines
    assert any(line.startswith("a call took ") for line in lines), lines
    assert any(line.startswith("longest stall of the shop's hub ") for line in lines), lines


def test_without_headless_the_page_stays_until_ctrl_c(tmp_path: Path) -> None:
    """Its address is printed and, if so asked, opened in a browser; a visit of one's own to the shop is on it; the exit
    code is the report's. One visitor is enough."""
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\necho $1 > {tmp_path}/half && mv {tmp_path}/half {tmp_path}/opened\n")
    browser.chmod(0o700)
    with start("--open", "--visitors", "1", "--seconds", "0.5", BROWSER=str(browser)) as demo:
        assert demo.stdout is not None
        lines = []
        for line in demo.stdout:
            lines.append(line)
            if line.startswith("The page stays until Ctrl-C: "):
                break
        url = lines[-1].split()[-1]
        assert f"The local Segment checks every message, and shows it: {url}\n" in lines
        assert "lost 0\n" in lines
        with Connection(url) as connection:
            assert connection.request("GET", "/")[0] == 200
            summary = orjson.loads(connection.request("GET", "/_/summary")[1])
        assert (summary["valid"], summary["invalid"]) == (int(calls_of("".join(lines))), 0)
        with Connection(f"http://127.0.0.1:{shop_port(''.join(lines))}") as shop:
            assert shop.request("GET", "/product/KET-01")[0] == 200
        with Connection(url) as connection:
            reached = connection.request("GET", f"/_/wait?count={summary['valid'] + 2}&timeout=20")[1]
        assert orjson.loads(reached)["reached"]
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does
        rest, errors = demo.communicate(timeout=60)
        assert (demo.returncode, rest, errors) == (0, "", "")
    assert (tmp_path / "opened").read_text() == f"{url}\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=20)


def test_with_a_write_key_it_sends_to_a_real_server(segment_server: LocalSegment) -> None:
    """To the host that is named, with that key, which is shown nowhere; duplicates are the server's to know. What
    arrives are the visitors' stories, the same in every run, each call with what is known of its request."""
    code, lines = run("--write-key", "sesame", "--host", segment_server.url, "--visitors", "40", "--seconds", "0.5")
    assert code == 0, lines
    assert {"lost 0", "duplicates unknown: only the server can tell"} <= set(lines)
    assert "sesame" not in "".join(lines)
    assert not any("Segment is away" in line for line in lines)
    summary = segment_server.summary()
    assert (summary["invalid"], summary["duplicates"]) == (0, 0)
    with recorded() as events:
        for number in range(40):
            customer, random = Customer(number), draws(number)
            for step in Journey(persona(number, random), random):
                customer.take(step)
    expected = Counter(event["event"] for event in events.tracked())
    assert summary["byEvent"] == expected
    arrived = segment_server.messages()
    assert {message["userId"] for message in arrived if "userId" in message} == {
        message["userId"] for message in events if "userId" in message
    }
    assert all({"ip", "userAgent", "locale", "page"} <= set(message["context"]) for message in arrived)
    assert not any(message["context"]["ip"].startswith("127.") for message in arrived)
    assert any("campaign" in message["context"] for message in arrived)


def test_what_is_lost_is_said(segment_server: LocalSegment) -> None:
    """A server that refuses a batch for good: the exit code is 1, and the client's log says why."""
    segment_server.faults([{"status": 403}])
    code, lines = run("--write-key", "key", "--host", segment_server.url, "--visitors", "20", "--seconds", "0.5")
    assert code == 1
    (lost,) = [line for line in lines if line.startswith("lost ")]
    assert lost != "lost 0"
    assert any("the log: " in line and "403" in line for line in lines), lines


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--host", "http://127.0.0.1:1"), "--host needs --write-key"),
        (("--open", "--headless"), "--open has no page to open with --headless"),
        (("--open", "--write-key", "key"), "--open has no page to open with --write-key"),
        (("--seconds", "0"), "0 is not in the range"),
        (("--visitors", "0"), "0 is not in the range"),
    ],
)
def test_what_makes_no_demo_is_a_usage_error(arguments: tuple[str, ...], error: str) -> None:
    """Before anything starts."""
    done = CliRunner().invoke(commands, ["demo", *arguments])
    assert done.exit_code == 2
    assert error in done.output


def test_ctrl_c_ends_all_of_it(segment_server: LocalSegment) -> None:
    """No traceback; the shop it had started is gone when it ends."""
    with start("--write-key", "key", "--host", segment_server.url, *ENDLESS) as demo:
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
    with start("--write-key", "key", "--host", segment_server.url, *ENDLESS) as demo:
        assert demo.stdout is not None
        lines = demo.stdout.readline() + demo.stdout.readline()
        segment_server.wait_for(100)
        with socket.create_connection(("127.0.0.1", shop_port(lines)), timeout=20) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: local\r\n\r\n")
            with raw.makefile("rb") as answers:
                assert answers.readline().startswith(b"HTTP/1.1 200")
                demo.kill()
                answers.read()  # until the connection ends, with the shop


def calls_of(output: str) -> str:
    match = re.search(r"^calls ([\d,]+):", output, re.MULTILINE)
    assert match is not None, output
    return match[1].replace(",", "")


def shop_port(output: str) -> int:
    match = re.search(r"A gevent web shop at http://127\.0\.0\.1:(\d+)", output)
    assert match is not None, output
    return int(match[1])
