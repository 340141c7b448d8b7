"""One process's delivery as a whole: flush and shutdown, overload and its log lines, stats and memory."""

from __future__ import annotations

import logging
import re
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import gevent
import pytest
from gevent.event import Event

from segment_gevent import Client
from segment_gevent.testing import Hold, RecordingTransport, ScriptedTransport, response

MakeClient = Callable[..., Client]
LONG = 3_600


def events(transport: RecordingTransport) -> list[str]:
    return [message["event"] for message in transport.messages]


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """What the package logged."""
    return [
        (record.levelname, record.getMessage()) for record in caplog.records if record.name.startswith("segment_gevent")
    ]


# Flush.


def test_flush_sends_what_waits_and_waits_for_its_fate(make_client: MakeClient) -> None:
    """Below the threshold, before the timer; other greenlets go on meanwhile."""
    hold = Hold()
    transport = ScriptedTransport(200, hold)
    client = make_client(transport=transport, flush_after=LONG)
    client.track("s", event="first, at once")
    assert client.flush() is True
    client.track("s", event="waits")
    flushing = gevent.spawn(client.flush)
    assert hold.arrived.wait(5)
    assert flushing.ready() is False
    hold.release()
    assert flushing.get(timeout=10) is True
    assert events(transport) == ["first, at once", "waits"]


@pytest.mark.parametrize("timeout", [0, 0.02, timedelta(milliseconds=20)])
def test_flush_is_false_at_its_time_out_and_the_rest_stays_pending(make_client: MakeClient, timeout: Any) -> None:
    """It goes on to be delivered."""
    hold = Hold()
    client = make_client(transport=ScriptedTransport(hold), flush_after=LONG)
    client.track("s", event="E")
    assert client.flush(timeout) is False
    assert client.stats.pending == 1
    hold.release()
    assert client.flush() is True


def test_flush_has_a_time_out_of_its_own(make_client: MakeClient) -> None:
    """`flush_timeout`, where it is told none."""
    client = make_client(transport=ScriptedTransport(Hold()), flush_timeout=0.02)
    client.track("s", event="E")
    assert client.flush() is False


def test_flush_is_false_when_something_failed(make_client: MakeClient) -> None:
    """Also where most of it was delivered; and the next flush is about the next messages."""
    transport = ScriptedTransport(200, 400, 200)
    client = make_client(transport=transport, flush_at=1, log=False)
    flushing: list[bool] = []
    for event in ("good", "bad", "good"):
        client.track("s", event=event)
        flushing.append(client.flush())
    assert flushing == [True, False, True]


def test_flush_is_about_what_was_pending_at_the_call(make_client: MakeClient) -> None:
    """A failure of what came later, or the later wait of it, does not count."""
    first, later = Hold(), Hold(400)
    client = make_client(transport=ScriptedTransport(first, later), flush_at=1, log=False)
    client.track("s", event="first")
    assert first.arrived.wait(5)
    flushing = gevent.spawn(client.flush)
    gevent.idle()
    client.track("s", event="later")
    first.release()
    assert flushing.get(timeout=10) is True
    assert later.arrived.wait(5)
    later.release()
    assert client.flush() is False


def test_many_may_flush_at_once(make_client: MakeClient) -> None:
    """Each gets its answer, from one send."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make_client(transport=transport)
    client.track("s", event="E")
    flushing = [gevent.spawn(client.flush) for _ in range(50)]
    assert hold.arrived.wait(5)
    hold.release()
    gevent.joinall(flushing, timeout=10)
    assert [each.value for each in flushing] == [True] * 50
    assert len(transport.sent) == 1


def test_a_flush_that_ends_with_its_client_tells_what_became_of_its_messages(make_client: MakeClient) -> None:
    """A shutdown in another greenlet: True if they were delivered, False if they were dropped."""
    hold = Hold()
    client = make_client(transport=ScriptedTransport(hold, Hold()), flush_at=1, log=False)
    client.track("s", event="delivered")
    ending = [gevent.spawn(client.shutdown, 10), gevent.spawn(client.flush, 10), gevent.spawn(client.shutdown, 10)]
    assert hold.arrived.wait(5)
    hold.release()
    gevent.joinall(ending, timeout=10)
    assert [each.value for each in ending] == [True, True, True]
    client = make_client(transport=ScriptedTransport(Hold()), log=False)
    client.track("s", event="dropped")
    ending = [gevent.spawn(client.flush, 10), gevent.spawn(client.shutdown, 0.02)]
    gevent.joinall(ending, timeout=10)
    assert [each.value for each in ending] == [False, False]


def test_flush_is_not_held_up_by_a_retry_after(make_client: MakeClient) -> None:
    """It ends at its time-out however long the server wants to be left alone."""
    transport = ScriptedTransport(response(429, {"Retry-After": "300"}))
    client = make_client(transport=transport, log=False)
    client.track("s", event="E")
    assert client.flush(0.05) is False
    assert client.stats.pending == 1


# Shutdown.


def test_shutdown_delivers_and_closes(make_client: MakeClient) -> None:
    """True, the transport closed, the flusher gone."""
    transport = RecordingTransport()
    client = make_client(transport=transport, flush_after=LONG)
    for event in "ABC":
        client.track("s", event=event)
    assert client.shutdown() is True
    assert (events(transport), transport.closed) == (["A", "B", "C"], 1)
    gevent.idle()
    assert client.stats.flusher_alive is False


@pytest.mark.parametrize("mode", [True, False])
def test_shutdown_drops_what_is_left_with_a_count_and_one_line(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture, mode: bool
) -> None:
    """False; in flight or waiting, each is dropped once, and its late answer changes nothing."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make_client(transport=transport, flush_after=LONG, async_=mode, flush_at=10)
    calling = gevent.spawn(client.track, "s", event="in flight")
    assert hold.arrived.wait(5)
    for event in "AB":
        client.track("s", event=event)
    assert client.shutdown(0.05) is False
    stats = client.stats
    assert (stats.pending, stats.dropped, dict(stats.dropped_by_reason)) == (0, 3, {"shutdown": 3})
    assert lines(caplog) == [("WARNING", "3 messages dropped at shutdown: not delivered within 0.05 s")]
    hold.release()
    assert calling.get(timeout=10) is True
    gevent.idle()
    assert (client.stats.delivered, client.stats.dropped, transport.closed) == (0, 3, 1)


def test_shutdown_has_a_time_out_of_its_own(make_client: MakeClient) -> None:
    """`shutdown_timeout`, where it is told none."""
    client = make_client(transport=ScriptedTransport(Hold()), shutdown_timeout=0.02, log=False)
    client.track("s", event="E")
    assert client.shutdown() is False


def test_shutdown_is_safe_twice(make_client: MakeClient) -> None:
    """One after the other and both at once; nothing is dropped or counted twice."""
    transport = ScriptedTransport(Hold())
    client = make_client(transport=transport, log=False)
    client.track("s", event="E")
    both = [gevent.spawn(client.shutdown, 0.05) for _ in range(2)]
    gevent.joinall(both, timeout=10)
    assert [each.value for each in both] == [False, False]
    assert (client.shutdown(), client.flush()) == (True, True)
    assert (client.stats.submitted, client.stats.dropped) == (1, 1)


def test_shutdown_gives_what_backs_off_one_more_try(make_client: MakeClient) -> None:
    """There may be no later one."""
    transport = ScriptedTransport(response(503, {"Retry-After": "300"}))
    client = make_client(transport=transport, log=False)
    client.track("s", event="E")
    transport.wait_for(1)
    assert client.shutdown() is True
    assert [sent.headers.get("X-Retry-Count") for sent in transport.sent] == [None, "1"]


def test_a_transport_whose_close_raises_ends_no_shutdown(make_client: MakeClient) -> None:
    """Delivery never raises into the application."""

    class Broken(RecordingTransport):
        def close(self) -> None:
            raise RuntimeError("broken")

    transport = Broken()
    client = make_client(transport=transport, log=False)
    client.track("s", event="E")
    assert client.shutdown() is True
    assert events(transport) == ["E"]


# Overload.


def test_dropping_is_said_once_when_it_starts_and_once_when_it_ends(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """However many messages; with the count in the end, and again the next time."""
    caplog.set_level(logging.INFO)
    holds = [Hold(), Hold()]
    transport = ScriptedTransport(holds[0], 200, holds[1], 200)
    client = make_client(transport=transport, max_queue_size=5, flush_at=1)
    for hold in holds:
        client.track("s", event="in flight")
        assert hold.arrived.wait(5)
        assert sum(client.track("s", event="E") for _ in range(105)) == 5
        hold.release()
        assert client.flush() is True
    said = [(level, re.sub(r"\d+ bytes", "n bytes", text)) for level, text in lines(caplog)]
    assert (
        said
        == [
            (
                "WARNING",
                "the queue is full (5 messages, n bytes): messages are dropped, as overflow='drop_newest' says",
            ),
            ("INFO", "the queue has room again; 100 messages dropped"),
        ]
        * 2
    )


def test_a_queue_full_of_bytes_is_one_trouble(make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    """It is over when half of its bytes are free, not with each batch that leaves."""
    caplog.set_level(logging.INFO)
    holds = [Hold() for _ in range(5)]
    transport = ScriptedTransport(*holds)
    big = {"x": "y" * 30_000}
    client = make_client(transport=transport, max_queue_bytes=1_500_000, flush_after=LONG)
    client.track("s", event="in flight")
    for hold in holds[:2]:
        assert hold.arrived.wait(5)
        while client.track("s", event="E", properties=big):
            pass
        hold.release()
    assert [level for level, _ in lines(caplog)] == ["WARNING"]
    for hold in holds[2:]:
        hold.release()
    assert client.flush() is True
    assert [level for level, _ in lines(caplog)] == ["WARNING", "INFO"]


def test_giving_up_is_said_once_when_it_starts_and_once_when_it_ends(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """One line for the first batch that fails, however many follow."""
    caplog.set_level(logging.INFO)
    client = make_client(transport=ScriptedTransport(400, 400, 400, 200), flush_at=1)
    for _ in range(4):
        client.track("s", event="E")
        client.flush()
    assert lines(caplog) == [
        ("ERROR", "gave up on a batch of 1 message after 1 attempt: the server answered 400"),
        ("INFO", "batches are delivered again; 3 messages failed before"),
    ]


def test_the_package_adds_no_handler(make_client: MakeClient) -> None:
    """Its logger has the level of `log_level` and nothing else; a silent client leaves it alone."""
    logger = logging.getLogger("segment_gevent")
    make_client(transport=RecordingTransport(), log_level=logging.ERROR)
    assert (logger.level, logger.handlers, logger.propagate) == (logging.ERROR, [], True)
    make_client(transport=RecordingTransport(), log=False, log_level=logging.DEBUG)
    assert (logger.level, logger.disabled) == (logging.ERROR, False)
    make_client(transport=RecordingTransport())
    assert logger.level == logging.INFO


def test_memory_stays_bounded_under_overload(make_client: MakeClient) -> None:
    """A hundred times what fits, the server silent and a callback blocked: the process holds what the bound says."""
    client = make_client(
        transport=ScriptedTransport(Hold()), max_queue_bytes=1_000_000, max_queue_size=100_000, log=False
    )
    go_on = Event()
    client.on_drop(lambda message, reason: go_on.wait())
    properties = {"x": "y" * 1_000}
    tracemalloc.start()
    try:
        for number in range(20_000):
            client.track("s", event="E", properties=properties)
            if number % 1_000 == 0:
                gevent.sleep(0)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        go_on.set()
    assert client.stats.dropped > 15_000
    assert held < 2 * 1_000_000 + 500_000 + 1_000_000, "queue, reports and flight, with half as much for their objects"


# Stats.


def test_the_age_is_that_of_the_oldest_message_pending(make_client: MakeClient) -> None:
    """In flight or waiting; none when nothing is."""
    hold = Hold()
    client = make_client(transport=ScriptedTransport(hold), flush_after=LONG)
    assert client.stats.oldest_age == 0.0
    client.track("s", event="E")
    assert hold.arrived.wait(5)
    first = client.stats.oldest_age
    client.track("s", event="F")
    second = client.stats.oldest_age
    assert 0 <= first < second
    hold.release()
    assert client.flush()
    assert client.stats.oldest_age == 0.0


def test_the_counts_of_traffic(make_client: MakeClient) -> None:
    """Flushes, batches, retries and bytes, by one example."""
    transport = ScriptedTransport(503, 200, 200)
    client = make_client(transport=transport, flush_at=3, flush_after=LONG, log=False)
    for _ in range(3):
        client.track("s", event="E")
    assert client.flush()
    for _ in range(3):
        client.track("s", event="E")
    assert client.flush()
    stats = client.stats
    assert (stats.flushes, stats.batches, stats.retries, stats.last_status) == (2, 2, 1, 200)
    assert stats.bytes_sent == sum(len(sent.body) for sent in transport.sent)
    assert (stats.spooled, stats.replayed, stats.flusher_alive) == (0, 0, True)
