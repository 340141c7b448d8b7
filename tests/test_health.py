"""Health: whether messages get through, in one look."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from segment_gevent import Client, Health
from segment_gevent.testing import Hold, ScriptedTransport

MakeClient = Callable[..., Client]


def test_a_client_that_delivers_is_well(make_client: MakeClient) -> None:
    """Before its first message too."""
    client = make_client(transport=ScriptedTransport())
    assert client.health() == Health(ok=True, reason="ok")
    client.track(user_id="user", event="Clicked")
    assert client.health().pending == 1
    client.flush()
    assert client.health() == Health(ok=True, reason="ok", last_status=200)


def test_batches_given_up_are_told_until_one_is_delivered(make_client: MakeClient) -> None:
    """A write key that is refused ages no message: each is given up at once."""
    client = make_client(transport=ScriptedTransport(401, 200), log=False)
    for reason in ("batches are given up; the last answer was 401", "ok"):
        client.track(user_id="user", event="Clicked")
        client.flush()
        assert (client.health().ok, client.health().reason) == (reason == "ok", reason)


def test_a_full_queue_is_told(make_client: MakeClient) -> None:
    """By number or by size."""
    hold = Hold()
    client = make_client(transport=ScriptedTransport(hold), max_queue_size=1)
    client.track(user_id="user", event="In Flight")
    with gevent.Timeout(20):
        hold.arrived.wait()
    client.track(user_id="user", event="Waits")
    assert client.health().reason == "the queue is full"
    hold.release()


def test_a_client_that_is_shut_down_or_disabled_says_so(make_client: MakeClient) -> None:
    """The first takes no more messages; the second was meant to take none."""
    client = make_client(transport=ScriptedTransport())
    client.shutdown()
    assert (client.health().ok, client.health().reason) == (False, "the client is shut down")
    assert make_client(enabled=False).health() == Health(ok=True, reason="disabled")


@pytest.mark.parametrize(
    ("before", "ok"), [("", False), ("segment.initialize('write-key', enabled=False)", True)], ids=["no", "yes"]
)
def test_the_modules_function_is_about_the_default_client(before: str, ok: Any) -> None:
    """And raises nothing where there is none."""
    program = f"import segment_gevent as segment\n{before}\nassert segment.health().ok is {ok}"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
