"""The watchdog: what stands still is said, whoever can still say it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import gevent
import pytest

from segment_gevent import Client
from segment_gevent.testing import Hold, ScriptedTransport

MakeClient = Callable[..., Client]


class Lines(logging.Handler):
    """What the log says about standing still."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "stood still" in record.getMessage():
            self.said.append((record.levelno, record.getMessage()))

    def wait_for(self, lines: int) -> None:
        with gevent.Timeout(20):
            while len(self.said) < lines:
                gevent.sleep(0.005)


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    logging.getLogger("segment_gevent").addHandler(handler)
    yield handler
    logging.getLogger("segment_gevent").removeHandler(handler)


def test_a_server_that_is_silent_is_said_once_and_its_return_once(lines: Lines, make_client: MakeClient) -> None:
    """From the hub, with no further call: a WARNING with how many wait, and INFO when they move."""
    hold = Hold()
    client = make_client(transport=ScriptedTransport(hold), stall_warning=0.04, flush_after=0.01)
    client.track(user_id="user", event="Held")
    lines.wait_for(1)
    assert not client.health().ok
    client.track(user_id="user", event="Held Too")
    assert not client.flush(0.1)
    hold.release()
    lines.wait_for(2)
    assert [level for level, _ in lines.said] == [logging.WARNING, logging.INFO]
    assert "1 message stood still for" in lines.said[0][1]
    assert "no answer came from the server" in lines.said[0][1]
    assert lines.said[1][1] == "messages move again; 1 message had stood still"
    assert client.health().ok


def test_the_last_answer_is_said(lines: Lines, make_client: MakeClient) -> None:
    """Where batches are tried again and again, with what."""
    client = make_client(transport=ScriptedTransport(*[503] * 100), stall_warning=0.04, flush_after=0.01)
    client.track(user_id="user", event="Refused")
    lines.wait_for(1)
    assert "the server's last answer was 503" in lines.said[0][1]


def test_a_hub_that_never_turns_is_said_by_the_calls(lines: Lines, make_client: MakeClient) -> None:
    """A process that never waits cooperatively sends nothing: no greenlet could say so."""
    client = make_client(transport=ScriptedTransport(), stall_warning=0.02, flush_after=0.01)
    for _ in range(2_000):
        client.track(user_id="user", event="Blocked")
        threading.Event().wait(0.001)  # natively: the hub does not turn
        if lines.said:
            break
    assert len(lines.said) == 1
    assert "does not turn" in lines.said[0][1]
    client.shutdown()
    assert [level for level, _ in lines.said] == [logging.WARNING, logging.INFO]


MASTER = """
import os, time
import segment_gevent as segment
from segment_gevent.testing import RecordingTransport
segment.initialize("write-key", transport=RecordingTransport(), stall_warning=0.05, flush_after=0.01)
segment.track(user_id="master", event="Loaded")
while segment.stats.oldest_age < 0.2:
    time.sleep(0.01)
if {forks}:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    os._exit(0)
"""


@pytest.mark.parametrize("forks", [True, False], ids=["at its next fork", "at its end"])
def test_a_master_that_only_forks_says_it(forks: bool) -> None:
    """What a preloaded application tracked waits in a process that makes no more calls and never turns its hub."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MASTER.format(forks=forks)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("1 message stood still") == 1
    assert "does not turn" in done.stderr


@pytest.mark.parametrize("off", [None, 0])
def test_it_can_be_switched_off(off: object, lines: Lines, make_client: MakeClient) -> None:
    """Then age alone is no matter for `health` either."""
    hold = Hold()
    client = make_client(transport=ScriptedTransport(hold), stall_warning=off, flush_after=0.01)
    client.track(user_id="user", event="Held")
    assert not client.flush(0.1)
    assert client.health().ok
    assert lines.said == []
    hold.release()


def test_waiting_for_a_flush_is_not_standing_still(lines: Lines, make_client: MakeClient) -> None:
    """A `flush_after` as long as `stall_warning` or longer comes on top of it."""
    client = make_client(transport=ScriptedTransport(), stall_warning=0.01, flush_after=1000)
    client.track(user_id="user", event="First")
    client.flush(20)
    client.track(user_id="user", event="Waits")
    with gevent.Timeout(20):
        while client.stats.oldest_age < 0.05:
            gevent.sleep(0.01)
    assert (client.health().ok, lines.said) == (True, [])
