"""SIGTERM with `install_signal_handlers()`: deliver, then do what the signal did before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from servers.local_segment import LocalSegment

import segment_gevent as segment
from segment_gevent.testing import RecordingTransport

ROOT = Path(segment.__file__).parent.parent


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    """The handler of SIGTERM is as before, when the test is over."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def terminated(program: str, server: LocalSegment, messages: int) -> int:
    """How a program ends that prints a line, is sent SIGTERM then, and delivers so many messages."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), server.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert errors == ""
    server.wait_for(messages)
    return process.returncode


BEGINNING = """
import signal, sys, time, gevent, segment_gevent as segment
segment.initialize("key", host=sys.argv[1], flush_after=3600)
"""

TRACKING = """
for number in range(5):
    segment.track("s", event=str(number))
"""

WAITS = {
    "in the hub": "gevent.get_hub().join(30) or gevent.sleep(30)",
    "in a greenlet": "gevent.spawn(gevent.sleep, 30).join()",
    "natively": "time.sleep(30)",
    "busy": "while True: pass",
}


@pytest.mark.parametrize("wait", WAITS)
def test_sigterm_delivers_and_ends_the_program(segment_server: LocalSegment, wait: str) -> None:
    """Wherever the program is when it comes; the exit status is that of the signal, as if nothing had handled it."""
    program = BEGINNING + "segment.install_signal_handlers()\n" + TRACKING + "print('ready', flush=True)\n"
    assert terminated(program + WAITS[wait], segment_server, 5) == -signal.SIGTERM


def test_sigterm_does_what_it_did_before(segment_server: LocalSegment) -> None:
    """A handler of the application's comes after the delivery, and may end the program in its own way."""
    program = (
        BEGINNING
        + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(segment.stats.delivered))\n"
        + "segment.install_signal_handlers()\n"
        + TRACKING
        + "print('ready', flush=True)\n"
        + "time.sleep(30)"
    )
    assert terminated(program, segment_server, 5) == 5


def test_a_handler_before_is_called_once(make_client: object) -> None:
    """Installed twice, it is still one; delivery comes first, and the client goes on."""
    calls: list[tuple[int, int]] = []
    client = segment.initialize("key", transport=RecordingTransport(), flush_after=3_600)
    signal.signal(signal.SIGTERM, lambda number, frame: calls.append((number, client.stats.delivered)))
    segment.install_signal_handlers()
    segment.install_signal_handlers()
    for _ in range(3):
        segment.track("s", event="E")
    os.kill(os.getpid(), signal.SIGTERM)
    with gevent.Timeout(10):
        while not calls:
            gevent.idle()
    assert calls == [(signal.SIGTERM, 3)]
    assert segment.track("s", event="E") is True
    assert segment.shutdown() is True


def test_an_ignored_sigterm_stays_ignored() -> None:
    """It delivers, and the program goes on."""
    transport = RecordingTransport()
    segment.initialize("key", transport=transport, flush_after=3_600)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    segment.install_signal_handlers()
    segment.track("s", event="E")
    os.kill(os.getpid(), signal.SIGTERM)
    transport.wait_for(1)
    assert segment.shutdown() is True


def test_only_the_main_thread_may_install() -> None:
    """As Python has it for every handler."""
    installing = gevent.get_hub().threadpool.spawn(segment.install_signal_handlers)
    with pytest.raises(ValueError, match="main thread"):
        installing.get()
