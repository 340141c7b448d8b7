"""The libraries that others send with, as they are: the local Segment takes what they send, and finds it right.

The truth is theirs: where the server's rules were stricter than Segment's, one of them would be told so here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from servers.local_segment import LocalSegment
from servers.program import PROGRAMS
from servers.real_clients import FOR_NODE, FOR_PYTHON, from_npm, from_pypi

from segment_gevent.events.message import TYPES

pytestmark = pytest.mark.xdist_group("real clients")  # so that each is installed once

Send = Callable[[str, str, str], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def for_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the libraries for Python and what they need, apart from what the tests run with."""
    return from_pypi(tmp_path_factory.mktemp("real-python"), *FOR_PYTHON)


@pytest.fixture(scope="session")
def for_node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library for Node."""
    return from_npm(tmp_path_factory.mktemp("real-node"), FOR_NODE)


@pytest.fixture
def send(request: pytest.FixtureRequest) -> Send:
    """Has a real client make all six calls."""

    def sent(library: str, url: str, packing: str) -> subprocess.CompletedProcess[str]:
        environment = dict(os.environ)
        if library == "node":
            command = ["node", str(PROGRAMS / "real_client.cjs"), str(request.getfixturevalue("for_node")), url]
        else:
            environment["PYTHONPATH"] = str(request.getfixturevalue("for_python"))
            command = [sys.executable, str(PROGRAMS / "real_client.py"), library, url, packing]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    return sent


@pytest.mark.parametrize(
    ("library", "agent", "packing"),
    [
        ("segment", "analytics-python/2.4.0", "plain"),
        ("segment", "analytics-python/2.4.0", "gzip"),
        ("rudderstack", "analytics-python/2.1.9", "plain"),
        ("rudderstack", "analytics-python/2.1.9", "gzip"),
        ("node", "analytics-node-next/latest", "plain"),
    ],
)
def test_all_six_calls_of_a_real_client_arrive_valid(
    segment_server: LocalSegment, send: Send, library: str, agent: str, packing: str
) -> None:
    """On a strict server, each once, though its first answer is a 503; they tell of one person."""
    segment_server.faults([{"status": 503}])
    done = send(library, segment_server.url, packing)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    events = segment_server.events()
    assert [event["problems"] for event in events] == [[]] * 6
    assert segment_server.summary() | {"requests": 0} == {
        "total": 6,
        "valid": 6,
        "invalid": 0,
        "duplicates": 0,
        "requests": 0,
        "byType": dict.fromkeys(TYPES, 1),
        "byEvent": {"Item Bought": 1},
    }
    refused, *taken = segment_server.requests()
    assert (refused["status"], {request["status"] for request in taken}) == (503, {200})
    assert {request["client"] for request in taken} == {agent}
    assert {request["encoding"] for request in taken} == {"gzip" if packing == "gzip" else None}
    assert {request["problems"] == [] for request in taken} == {True}
    person = segment_server.ask("GET", "/_/user?id=visitor-1")
    assert (person["ids"], person["total"]) == (["visitor-1", "user-1"], 6)
