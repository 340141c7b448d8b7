"""The examples of the earliest client's README, run against the local Segment: what was written for it goes on working.

Two things had to change: `async` is a keyword of Python now, so it is `async_` or stands in a mapping; and `print` is a
function.
"""

from __future__ import annotations

import datetime
import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dateutil.parser
import pytest
from servers.local_segment import LocalSegment

import segment_gevent as segment

ROOT = Path(segment.__file__).parent.parent
ASYNC_OFF = [{"async_": False}, {"async": False}]


@pytest.fixture
def server(segment_server: LocalSegment, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSegment]:
    """The examples name no host, so the environment does."""
    monkeypatch.setenv("SEGMENT_HOST", segment_server.url)
    yield segment_server
    summary = segment_server.summary()
    assert (summary["invalid"], summary["duplicates"]) == (0, 0)
    if segment.default_client is not None:
        segment.shutdown(0)


def test_identify(server: LocalSegment) -> None:
    """Session, user, traits, by position; `null` is None."""
    segment.initialize("test_api_key")
    segment.identify("unique_session_id", "ilya@segment.io", {"Subscription Plan": "Free", "Friends": 30})
    segment.identify(None, "ilya@segment.io")
    segment.identify("unique_session_id", None)
    assert segment.flush()
    first, second, third = server.messages(type="identify")
    assert (first["anonymousId"], first["userId"]) == ("unique_session_id", "ilya@segment.io")
    assert first["traits"] == {"Subscription Plan": "Free", "Friends": 30}
    assert "anonymousId" not in second
    assert "userId" not in third


def test_track(server: LocalSegment) -> None:
    """Session, user, event, properties, by position."""
    segment.initialize("test_api_key")
    segment.track(
        "unique_session_id", "ilya@segment.io", "Played a Song", {"Artist": "The Beatles", "Song": "Eleanor Rigby"}
    )
    assert segment.flush()
    (message,) = server.messages()
    assert (message["type"], message["event"]) == ("track", "Played a Song")
    assert message["properties"] == {"Artist": "The Beatles", "Song": "Eleanor Rigby"}


def test_batching_behaviour(server: LocalSegment) -> None:
    """The first message at once; then ten in one request."""
    segment.initialize("API_KEY", flush_at=10, flush_after=datetime.timedelta(0, 10))
    segment.track("s", "u", "0")
    server.wait_for(1)
    for number in range(1, 11):
        segment.track("s", "u", str(number))
    server.wait_for(11)
    assert [request["count"] for request in server.requests()] == [1, 10]


def test_turn_off_batching(server: LocalSegment) -> None:
    """`flush_at=1`: a request for each."""
    segment.initialize("API_KEY", flush_at=1)
    for number in range(3):
        segment.track("s", "u", str(number))
        server.wait_for(number + 1)
    assert [request["count"] for request in server.requests()] == [1, 1, 1]


@pytest.mark.parametrize("option", ASYNC_OFF)
def test_turn_off_asynchronous_flushing(server: LocalSegment, option: dict[str, Any]) -> None:
    """The call that makes a flush due sends it: when it returns, the server has the message."""
    segment.initialize("API_KEY", **option)
    segment.track("s", "u", "sent before the call returns")
    assert len(server.messages()) == 1


@pytest.mark.parametrize("option", ASYNC_OFF)
def test_turn_off_async_and_batching(server: LocalSegment, option: dict[str, Any]) -> None:
    """On every message, every time: with debug logging too."""
    segment.initialize("API_KEY", flush_at=1, log_level=logging.DEBUG, **option)
    for number in range(3):
        segment.track("s", "u", str(number))
        assert len(server.messages()) == number + 1


def test_logging(server: LocalSegment) -> None:
    """By the standard module, at INFO unless told; or not at all."""
    logger = logging.getLogger("segment_gevent")
    segment.initialize("API_KEY")
    assert logger.level == logging.INFO
    segment.initialize("API_KEY", log_level=logging.DEBUG)
    assert logger.level == logging.DEBUG
    segment.initialize("API_KEY", log=False)
    segment.track("s", "u", "E")
    assert segment.flush()


def test_success_and_failure_events(server: LocalSegment, capsys: pytest.CaptureFixture[str]) -> None:
    """Registered as functions, as the README has it; the error is the second argument of on_failure."""
    segment.initialize("API_KEY", log=False)

    def on_success(data: dict[str, Any], response: object) -> None:
        print("Success", response)

    def on_failure(data: dict[str, Any], error: Exception) -> None:
        print("Failure", error)

    segment.on_success(on_success)
    segment.on_failure(on_failure)
    server.faults([{}, {"status": 400}])
    segment.track("s", "u", "good")
    assert segment.flush() is True
    segment.track("s", "u", "bad")
    assert segment.flush() is False
    assert capsys.readouterr().out == "Success <Response [200]>\nFailure the server answered 400 Bad Request\n"


@pytest.mark.parametrize("option", ASYNC_OFF)
def test_importing_historical_data(server: LocalSegment, option: dict[str, Any]) -> None:
    """With the timestamp of the log, read by dateutil."""
    log = ["2010-05-08T23:41:54.000Z", "2010-05-09T00:00:00.500+02:00", "2010-05-09 10:00"]
    segment.initialize("API_KEY", **option)
    for timestamp_str in log:
        timestamp = dateutil.parser.parse(timestamp_str)
        segment.track(
            user_id="user@gmail.com",
            timestamp=timestamp,
            event="Bought a shirt",
            properties={"color": "Blue", "revenue": 17.90},
        )
    assert segment.flush()
    assert [message["timestamp"] for message in server.messages()] == [
        "2010-05-08T23:41:54.000Z",
        "2010-05-08T22:00:00.500Z",
        "2010-05-09T10:00:00.000Z",
    ]


def test_full_client_configuration(server: LocalSegment) -> None:
    """Every option of the README, at once, by the old name of `async`."""
    segment.initialize(
        "API_KEY",
        log_level=logging.INFO,
        log=True,
        flush_at=10,
        flush_after=datetime.timedelta(0, 10),
        **{"async": True},
        max_queue_size=100_000,
    )
    assert segment.track("s", "u", "E")
    assert segment.flush()
    assert len(server.messages()) == 1


@pytest.mark.parametrize("ending", ["segment.flush()", ""])
def test_calling_flush_before_program_end(server: LocalSegment, ending: str) -> None:
    """With it and, since programs forget, without it: nothing is left in the queue."""
    program = f"""
    import segment_gevent as segment
    segment.initialize("API_KEY")
    for number in range(100):
        segment.track("s", "u", str(number))
    {ending}
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(server.messages()) == 100
