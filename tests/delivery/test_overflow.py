"""A full queue: what each policy does with the message that comes, and what it says."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event

from segment_gevent import Client
from segment_gevent.testing import Hold, RecordingTransport, ScriptedTransport
from segment_gevent.words import counted

MakeClient = Callable[..., Client]
LONG = 3_600


class Full:
    """A client whose server keeps one batch back, and whose queue of five is full: E0 to E4 wait."""

    def __init__(self, make_client: MakeClient, **options: Any) -> None:
        self.hold = Hold()
        self.transport = ScriptedTransport(self.hold)
        self.client = make_client(
            transport=self.transport, max_queue_size=5, flush_at=5, **{"flush_after": LONG, **options}
        )
        self.drops: list[tuple[str, str]] = []
        self.client.on_drop(lambda message, reason: self.drops.append((message["event"], reason)))
        self.client.track("s", event="in flight")
        assert self.hold.arrived.wait(10)
        assert all(self.client.track("s", event=f"E{number}") for number in range(5))

    def events(self) -> list[str]:
        return [message["event"] for message in self.transport.messages]


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [
        (record.levelname, re.sub(r"\d+ bytes", "n bytes", record.getMessage()))
        for record in caplog.records
        if record.name == "segment_gevent"
    ]


def full_line(policy: str) -> tuple[str, str]:
    return "WARNING", f"the queue is full (5 messages, n bytes): messages are dropped, as overflow={policy!r} says"


def room_line(count: int) -> tuple[str, str]:
    return "INFO", f"the queue has room again; {counted(count, 'message')} dropped"


def test_drop_newest_refuses_the_call(make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    """It answers False; what waits stays. One line when it starts, one when it ends."""
    caplog.set_level(logging.INFO)
    full = Full(make_client)
    assert [full.client.track("s", event=f"E{number}") for number in (5, 6)] == [False, False]
    full.hold.release()
    assert full.client.flush() is True
    assert full.events() == ["in flight", "E0", "E1", "E2", "E3", "E4"]
    assert full.drops == [("E5", "queue_full"), ("E6", "queue_full")]
    assert lines(caplog) == [full_line("drop_newest"), room_line(2)]


def test_drop_oldest_lets_the_oldest_go(make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    """The call answers True; what goes is counted and told, and the rest arrives in order."""
    caplog.set_level(logging.INFO)
    full = Full(make_client, overflow="drop_oldest")
    assert all(full.client.track("s", event=f"E{number}") for number in range(5, 12))
    stats = full.client.stats
    assert (stats.pending, dict(stats.dropped_by_reason)) == (6, {"queue_full": 7})
    full.hold.release()
    assert full.client.flush() is True
    assert full.events() == ["in flight", "E7", "E8", "E9", "E10", "E11"]
    assert full.drops == [(f"E{number}", "queue_full") for number in range(7)]
    assert lines(caplog) == [full_line("drop_oldest"), room_line(7)]


def test_drop_oldest_makes_room_in_bytes(make_client: MakeClient) -> None:
    """As many small ones go as a large one needs; one that could never fit is refused, and costs nobody."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make_client(
        transport=transport, overflow="drop_oldest", max_queue_bytes=20_000, flush_after=LONG, flush_at=1_000, log=False
    )
    client.track("s", event="in flight")
    assert hold.arrived.wait(10)
    for number in range(40):
        assert client.track("s", event=f"E{number}")
    assert client.track("s", event="big", properties={"x": "y" * 15_000}) is True
    dropped = client.stats.dropped
    assert 0 < dropped < 40
    assert client.track("s", event="too big", properties={"x": "y" * 25_000}) is False
    assert client.stats.dropped == dropped + 1
    hold.release()
    assert client.flush() is True
    events = [message["event"] for message in transport.messages]
    assert events == ["in flight", *(f"E{number}" for number in range(dropped, 40)), "big"]


def test_a_flush_is_false_when_what_it_waits_for_is_dropped(make_client: MakeClient) -> None:
    """And it ends, with the last fate."""
    full = Full(make_client, overflow="drop_oldest", log=False)
    flushing = gevent.spawn(full.client.flush, 30)
    gevent.idle()
    for number in range(5, 15):
        full.client.track("s", event=f"E{number}")
    full.hold.release()
    assert flushing.get(timeout=10) is False
    assert full.client.flush() is True


def test_block_waits_for_room(make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    """Cooperatively; nothing is dropped, the order is kept, and nothing is said."""
    caplog.set_level(logging.INFO)
    full = Full(make_client, overflow="block", block_timeout=60)
    calling = gevent.spawn(lambda: [full.client.track("s", event=f"E{number}") for number in range(5, 50)])
    gevent.idle()
    assert not calling.ready()
    full.hold.release()
    assert calling.get(timeout=30) == [True] * 45
    assert full.client.flush() is True
    assert full.events() == ["in flight", *(f"E{number}" for number in range(50))]
    assert (full.client.stats.dropped, lines(caplog)) == (0, [])


def test_many_may_wait_for_room(make_client: MakeClient) -> None:
    """A hundred greenlets and more messages than fit: each call gets its place."""
    full = Full(make_client, overflow="block", block_timeout=60)

    def call(caller: int) -> bool:
        return all(full.client.track("s", event=f"{caller}-{number}") for number in range(10))

    calling = [gevent.spawn(call, caller) for caller in range(100)]
    gevent.idle()
    full.hold.release()
    gevent.joinall(calling, timeout=60)
    assert [greenlet.value for greenlet in calling] == [True] * 100
    assert full.client.flush() is True
    assert Counter(full.events()).total() == full.client.stats.delivered == 1_006


def test_block_ends_at_its_time_out(make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    """The call answers False, is counted and told; dropping is said once when it starts and once when it ends."""
    caplog.set_level(logging.INFO)
    full = Full(make_client, overflow="block", block_timeout=0.02)
    assert [full.client.track("s", event=f"E{number}") for number in range(5, 8)] == [False] * 3
    full.hold.release()
    assert full.client.flush() is True
    assert full.drops == [(f"E{number}", "queue_full") for number in range(5, 8)]
    assert lines(caplog) == [full_line("block"), room_line(3)]


def test_block_answers_at_once_in_the_hub(make_client: MakeClient) -> None:
    """Where nothing can wait; delivery goes on."""
    full = Full(make_client, overflow="block", block_timeout=60, log=False)
    answers: list[bool] = []
    asked = Event()

    def call() -> None:
        answers.append(full.client.track("s", event="of the hub"))
        asked.set()

    gevent.get_hub().loop.run_callback(call)
    assert asked.wait(10)
    assert answers == [False]
    full.hold.release()
    assert full.client.flush() is True
    assert full.drops == [("of the hub", "queue_full")]


def test_block_holds_up_native_threads_too(make_client: MakeClient) -> None:
    """Each waits in its own hub, and is woken by the flusher of another."""
    full = Full(make_client, overflow="block", block_timeout=60)
    pool = gevent.get_hub().threadpool
    calling = [
        pool.spawn(lambda caller: [full.client.track("s", event=f"{caller}-{n}") for n in range(20)], caller)
        for caller in range(3)
    ]
    full.hold.release()
    with gevent.Timeout(60):
        assert [result.get() for result in calling] == [[True] * 20] * 3
    assert full.client.flush() is True
    assert full.client.stats.delivered == 66


def test_a_native_threads_block_ends_at_its_time_out(make_client: MakeClient) -> None:
    """While the home hub goes on."""
    full = Full(make_client, overflow="block", block_timeout=0.02, log=False)
    result = gevent.get_hub().threadpool.spawn(full.client.track, "s", event="of a thread")
    with gevent.Timeout(60):
        assert result.get() is False


def test_who_waits_for_room_learns_that_the_client_was_closed(make_client: MakeClient) -> None:
    """At once, and the message counts as refused by a closed client."""
    full = Full(make_client, overflow="block", block_timeout=600, log=False)
    calling = gevent.spawn(full.client.track, "s", event="too late")
    gevent.idle()
    assert full.client.shutdown(0.05) is False
    assert calling.get(timeout=10) is False
    assert dict(full.client.stats.dropped_by_reason) == {"shutdown": 6, "closed": 1}
    assert full.client.stats.pending == 0


@pytest.mark.parametrize("ends", ["time-out", "kill"])
def test_what_ends_a_callers_wait_leaves_no_message_without_a_fate(make_client: MakeClient, ends: str) -> None:
    """The caller's own time-out passes through; the message was not taken in, and counts as dropped."""
    full = Full(make_client, overflow="block", block_timeout=600, log=False)

    def call() -> str:
        try:
            with gevent.Timeout(0.02 if ends == "time-out" else None):
                full.client.track("s", event="given up")
        except gevent.Timeout:
            return "timed out"
        return "in"

    calling = gevent.spawn(call)
    if ends == "kill":
        gevent.idle()
        calling.kill()
    else:
        assert calling.get(timeout=10) == "timed out"
    assert dict(full.client.stats.dropped_by_reason) == {"queue_full": 1}
    full.hold.release()
    assert full.client.flush() is True
    assert "given up" not in full.events()
    assert full.client.stats.pending == 0


def test_what_can_never_fit_is_not_waited_for(make_client: MakeClient) -> None:
    """A message larger than the whole queue is refused at once, whatever the policy."""
    client = make_client(
        transport=RecordingTransport(), overflow="block", block_timeout=LONG, max_queue_bytes=1_000, log=False
    )
    with gevent.Timeout(60):
        assert client.track("s", event="E", properties={"x": "y" * 2_000}) is False
    assert dict(client.stats.dropped_by_reason) == {"queue_full": 1}


@pytest.mark.parametrize("policy", ["drop_newest", "drop_oldest", "block"])
def test_a_synchronous_client_has_the_same_policies(make_client: MakeClient, policy: str) -> None:
    """What other greenlets track while one sends; every call has one fate."""
    hold = Hold()
    client = make_client(
        transport=ScriptedTransport(hold),
        async_=False,
        overflow=policy,
        block_timeout=0.02,
        max_queue_size=5,
        flush_at=5,
        flush_after=LONG,
        log=False,
    )
    calling = gevent.spawn(lambda: [client.track("s", event=f"E{number}") for number in range(5)])
    assert hold.arrived.wait(10)
    others = [gevent.spawn(client.track, "s", event=f"F{number}") for number in range(9)]
    gevent.idle()
    hold.release()
    gevent.joinall([calling, *others], timeout=30)
    client.flush(10)
    stats = client.stats
    assert stats.submitted == 14 == stats.delivered + stats.dropped
    assert stats.pending == 0
