"""The flusher: when it sends, how much at a time, what wakes it, and that nothing done to it loses a message."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event
from living import living_greenlets

from segment_gevent import Client
from segment_gevent.delivery import lifecycle
from segment_gevent.testing import Hold, RecordingTransport, ScriptedTransport, Sent, response

MakeClient = Callable[..., Client]
LONG = 3_600


def track(client: Client, *events: str) -> None:
    for event in events:
        assert client.track("s", event=event) is True


def batches(transport: RecordingTransport) -> list[list[str]]:
    """The events of each request."""
    return [[message["event"] for message in sent.messages] for sent in transport.sent]


def let_others_run() -> None:
    """Every greenlet that is ready gets its turns, and one that waits for a turn of the loop too."""
    for _ in range(20):
        gevent.sleep(0)
    lifecycle.turn()
    for _ in range(20):
        gevent.sleep(0)


def flusher_greenlets() -> list[gevent.Greenlet]:
    """Those of every client."""
    return [each for each in living_greenlets() if ": _run(<weakref" in repr(each)]


# When it sends.


def test_the_first_message_goes_at_once(make_client: MakeClient) -> None:
    """A wrong host shows early; the next ones wait for the threshold."""
    transport = RecordingTransport()
    client = make_client(transport=transport, flush_at=3, flush_after=LONG)
    track(client, "1")
    transport.wait_for(1)
    track(client, "2", "3")
    let_others_run()
    assert batches(transport) == [["1"]]
    track(client, "4")
    transport.wait_for(2)
    assert batches(transport) == [["1"], ["2", "3", "4"]]


def test_flush_at_is_a_threshold_and_not_a_batch_size(make_client: MakeClient) -> None:
    """What gathered while a batch was in flight goes in one batch, in order, however much it is."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make_client(transport=transport, flush_at=3, flush_after=LONG)
    track(client, "first")
    hold.arrived.wait()
    track(client, *map(str, range(50)))
    hold.release()
    transport.wait_for(2)
    assert batches(transport) == [["first"], [str(number) for number in range(50)]]


def test_fewer_than_the_threshold_wait_for_the_timer(make_client: MakeClient) -> None:
    """`flush_after` sends what is there."""
    transport = RecordingTransport()
    client = make_client(transport=transport, flush_at=1_000, flush_after=0.02)
    track(client, "1")
    transport.wait_for(1)
    track(client, "2", "3")
    transport.wait_for(2)
    assert batches(transport) == [["1"], ["2", "3"]]


def test_after_longer_idle_a_message_goes_at_once(make_client: MakeClient) -> None:
    """When `flush_after` passed with nothing to send, the next message waits for nothing: not even for the timer."""
    transport = RecordingTransport()
    client = make_client(transport=transport, flush_at=1_000, flush_after=0.05)
    track(client, "1")
    transport.wait_for(1)
    idle = Event()
    gevent.get_hub().loop.timer(0.15).start(idle.set, update=True)
    assert idle.wait(5)
    track(client, "2")
    let_others_run()
    assert batches(transport) == [["1"], ["2"]]


@pytest.mark.parametrize("options", [{"flush_at": 1, "flush_after": LONG}, {"flush_at": 1_000, "flush_after": 0}])
def test_without_batching_each_is_sent_without_delay(make_client: MakeClient, options: dict[str, Any]) -> None:
    """`flush_at=1`, and a `flush_after` of nothing, mean the same."""
    transport = RecordingTransport()
    client = make_client(transport=transport, **options)
    for number in range(5):
        track(client, str(number))
        let_others_run()
    assert batches(transport) == [["0"], ["1"], ["2"], ["3"], ["4"]]


def test_no_message_waits_longer_than_flush_after_because_a_batch_was_in_flight(make_client: MakeClient) -> None:
    """What came early in a long flight goes when the flight ends, not `flush_after` later."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make_client(transport=transport, flush_at=1_000, flush_after=1)
    track(client, "in flight")
    hold.arrived.wait()
    track(client, "waits")
    long_enough = Event()
    gevent.get_hub().loop.timer(1.2).start(long_enough.set, update=True)
    assert long_enough.wait(10)
    hold.release()
    let_others_run()
    assert batches(transport) == [["in flight"], ["waits"]]


def test_a_threshold_above_the_queue_is_the_queue(make_client: MakeClient) -> None:
    """A queue that is full can't wait for more."""
    transport = RecordingTransport()
    client = make_client(transport=transport, flush_at=1_000, max_queue_size=2, flush_after=LONG)
    track(client, "1")
    transport.wait_for(1)
    track(client, "2", "3")
    transport.wait_for(2)


@pytest.mark.parametrize("mode", [True, False])
def test_a_queue_full_of_bytes_is_sent_below_the_threshold(make_client: MakeClient, mode: bool) -> None:
    """Else it would drop until the timer came, with nothing to do."""
    transport = RecordingTransport()
    client = make_client(
        transport=transport, flush_at=1_000, flush_after=LONG, max_queue_bytes=1_000, log=False, async_=mode
    )
    track(client, "1")
    transport.wait_for(1)
    while client.track("s", event="fills"):
        pass
    transport.wait_for(2)
    let_others_run()
    assert client.stats.pending == 0
    track(client, "there is room again")


# How much at a time.


def test_a_batch_holds_at_most_2500_messages(make_client: MakeClient) -> None:
    """The API's limit; the rest follows at once, in order."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make_client(transport=transport, flush_after=LONG)
    track(client, "first")
    hold.arrived.wait()
    for number in range(2_600):
        assert client.track("s", event=str(number), message_id=str(number))
    hold.release()
    assert client.flush() is True
    assert [len(batch) for batch in batches(transport)] == [1, 2_500, 100]
    assert batches(transport)[1] + batches(transport)[2] == [str(number) for number in range(2_600)]


def test_a_batch_holds_at_most_500000_bytes(make_client: MakeClient) -> None:
    """With its envelope; as much of it as fits is used."""
    transport = RecordingTransport()
    client = make_client(transport=transport, flush_at=10_000, flush_after=LONG)
    for number in range(100):
        assert client.track("s", event="E", properties={"x": "y" * 30_000, "n": number})
    assert client.flush() is True
    sizes = [len(sent.body) for sent in transport.sent]
    assert max(sizes) <= 500_000
    assert all(size > 465_000 for size in sizes[1:-1])
    assert [message["properties"]["n"] for message in transport.messages] == list(range(100))


def test_so_many_batches_are_in_flight_at_a_time(make_client: MakeClient) -> None:
    """`max_in_flight`, and never one more; each further one goes when another ends."""
    holds = [Hold() for _ in range(4)]
    transport = ScriptedTransport(*holds)
    client = make_client(transport=transport, flush_at=1, flush_after=LONG, max_in_flight=3)
    for number in range(3):
        track(client, str(number))
        assert holds[number].arrived.wait(5)
    track(client, "3", "4")
    let_others_run()
    assert len(transport.sent) == 3
    assert client.stats.pending == 5
    holds[1].release()
    assert holds[3].arrived.wait(5)
    assert batches(transport) == [["0"], ["1"], ["2"], ["3", "4"]]
    for hold in holds:
        hold.release()
    assert client.flush() is True


# What is done to it.


def test_a_killed_flusher_is_replaced_while_it_waits(make_client: MakeClient) -> None:
    """Killed idle: the next message brings another."""
    transport = RecordingTransport()
    client = make_client(transport=transport, flush_after=LONG, flush_at=2)
    track(client, "1")
    transport.wait_for(1)
    gevent.killall(flusher_greenlets())
    track(client, "2", "3")
    assert client.flush(10) is True
    assert batches(transport) == [["1"], ["2", "3"]]
    assert client.stats.flusher_alive


def test_a_flusher_killed_before_it_ran_is_replaced(make_client: MakeClient) -> None:
    """Killed between the call that made it and its first turn."""
    transport = RecordingTransport()
    client = make_client(transport=transport, flush_after=LONG)
    track(client, "1")
    gevent.killall(flusher_greenlets())
    transport.wait_for(1)
    assert batches(transport) == [["1"]]


@pytest.mark.parametrize("in_flight", [1, 2])
def test_a_flusher_killed_in_the_middle_of_a_send_loses_nothing(make_client: MakeClient, in_flight: int) -> None:
    """Its batch goes first with the next, the same messages with the same ids, as one try more; at once."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make_client(transport=transport, flush_after=LONG, max_in_flight=in_flight)
    track(client, "1")
    hold.arrived.wait()
    track(client, "2")
    gevent.killall(flusher_greenlets())
    assert client.flush(10) is True
    assert batches(transport) == [["1"], ["1"], ["2"]]
    assert transport.sent[0].messages == transport.sent[1].messages
    assert [sent.headers.get("X-Retry-Count") for sent in transport.sent] == [None, "1", None]
    assert client.stats.delivered == 2


def test_a_flush_outlives_the_kill_of_the_flusher(make_client: MakeClient) -> None:
    """Who waits is served by the one that takes its place."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make_client(transport=transport, flush_after=LONG)
    track(client, "1")
    flushing = gevent.spawn(client.flush, 10)
    hold.arrived.wait()
    gevent.killall(flusher_greenlets())
    assert flushing.get(timeout=10) is True


def test_killing_every_greenlet_again_and_again_loses_nothing(make_client: MakeClient) -> None:
    """Each send is cut off by a kill but the last; every message arrives, and once it is answered."""
    transport = ScriptedTransport(*[Hold() for _ in range(20)])
    client = make_client(transport=transport, flush_after=0.01, flush_at=2)
    for number in range(20):
        track(client, str(number))
        transport.wait_for(number + 1)
        gevent.killall(flusher_greenlets())
    assert client.flush(10) is True
    assert {message["event"] for message in transport.messages} == {str(number) for number in range(20)}
    assert client.stats.delivered == 20


@pytest.mark.parametrize("end", ["time-out", "kill"])
def test_a_caller_that_gives_up_its_flush_harms_no_flusher(make_client: MakeClient, end: str) -> None:
    """A `gevent.Timeout` or a kill around `flush()` reaches the caller alone; the send goes on."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make_client(transport=transport, flush_after=LONG)
    track(client, "1")
    if end == "kill":
        flushing = gevent.spawn(client.flush)
        hold.arrived.wait()
        flushing.kill()
        assert isinstance(flushing.value, gevent.GreenletExit)
    else:
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.02):
            client.flush()
    hold.release()
    assert client.flush() is True
    assert batches(transport) == [["1"]]


# Not in the way.


@pytest.mark.parametrize("wait", [lambda: gevent.wait(timeout=10), lambda: gevent.get_hub().join(timeout=10)])
def test_nobody_waits_for_an_idle_client(make_client: MakeClient, wait: Callable[[], bool]) -> None:
    """`gevent.wait()` and `hub.join()` return while clients idle: never used, after traffic, waiting for the timer."""
    transport = RecordingTransport()
    make_client(transport=transport, flush_after=LONG)
    assert wait() is True
    client = make_client(transport=transport, flush_after=LONG)
    track(client, "1")
    assert client.flush()
    assert wait() is True
    track(client, "waits")
    assert wait() is True
    assert client.stats.pending == 1


def test_nobody_waits_for_a_client_that_backs_off(make_client: MakeClient) -> None:
    """The wait before a retry holds up neither; shutdown ends it with one more try."""
    transport = ScriptedTransport(response(503, {"Retry-After": "300"}))
    client = make_client(transport=transport, log=False)
    track(client, "1")
    transport.wait_for(1)
    assert gevent.wait(timeout=10) is True
    assert gevent.get_hub().join(timeout=10) is True
    assert client.shutdown() is True
    assert batches(transport) == [["1"], ["1"]]


# Sending in the caller's greenlet.


def test_async_false_sends_before_the_call_returns(make_client: MakeClient) -> None:
    """In the caller's greenlet, by the same rules: the first at once, then at the threshold."""
    senders: list[object] = []

    def answer(sent: Sent) -> int:
        senders.append(gevent.getcurrent())
        return 200

    transport = ScriptedTransport(*[answer] * 5)
    client = make_client(transport=transport, async_=False, flush_at=2, flush_after=LONG)
    delivered = []
    for number in range(3):
        track(client, str(number))
        delivered.append(client.stats.delivered)
    assert delivered == [1, 1, 3]
    assert batches(transport) == [["0"], ["1", "2"]]
    assert set(senders) == {gevent.getcurrent()}
    assert client.stats.flusher_alive is False


def test_async_false_runs_callbacks_and_retries_before_the_call_returns(make_client: MakeClient) -> None:
    """True still means accepted: also for a batch that is given up."""
    again = response(503, {"Retry-After": "0.001"})
    transport = ScriptedTransport(again, again, 200, 400)
    client = make_client(transport=transport, async_=False, flush_at=1, log=False)
    told: list[Any] = []
    client.on_success(lambda data, answer: told.append(answer.status_code))
    client.on_failure(lambda data, error: told.append((error.status, error.attempts)))
    track(client, "1")
    assert told == [200]
    track(client, "2")
    assert told == [200, (400, 1)]
    assert (client.stats.delivered, client.stats.failed, client.stats.pending) == (1, 1, 0)


def test_async_false_lets_the_callers_time_out_through(make_client: MakeClient) -> None:
    """A `gevent.Timeout` around the call ends the send, and its batch stays pending, first in line."""
    transport = ScriptedTransport(Hold())
    client = make_client(transport=transport, async_=False, flush_at=1)
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.02):
        client.track("s", event="1")
    assert (client.stats.submitted, client.stats.pending) == (1, 1)
    track(client, "2")
    assert batches(transport) == [["1"], ["1"], ["2"]]
    assert client.stats.pending == 0


def test_async_false_flush_delivers_what_waits(make_client: MakeClient) -> None:
    """And what an interrupted call left."""
    transport = ScriptedTransport(Hold())
    client = make_client(transport=transport, async_=False, flush_at=5, flush_after=LONG)
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.02):
        client.track("s", event="1")
    assert client.flush() is True
    assert batches(transport) == [["1"], ["1"]]
    track(client, "2")
    assert client.flush() is True
    assert batches(transport)[2:] == [["2"]]


def test_async_false_from_many_greenlets_sends_each_once(make_client: MakeClient) -> None:
    """Calls wait for their turn, and for no longer than their own message takes."""
    transport = ScriptedTransport(*[lambda sent: gevent.sleep(0) or 200] * 100)
    client = make_client(transport=transport, async_=False, flush_at=1)
    gevent.joinall([gevent.spawn(track, client, str(number)) for number in range(50)], raise_error=True)
    assert client.stats.delivered == 50
    events = [message["event"] for message in transport.messages]
    assert sorted(events, key=int) == [str(number) for number in range(50)]


def test_async_false_works_in_native_threads(make_client: MakeClient) -> None:
    """Each sends in its own hub, and leaves no hub behind."""
    from gevent._hub_local import get_hub_if_exists

    transport = RecordingTransport()
    client = make_client(transport=transport, async_=False, flush_at=1)
    hubs: list[object] = []

    def work() -> None:
        for number in range(20):
            track(client, str(number))
        hubs.append(get_hub_if_exists())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    gevent.get_hub().threadpool.apply(lambda: [thread.join(20) for thread in threads])
    assert client.flush() is True
    assert (client.stats.delivered, len(transport.messages)) == (80, 80)
    assert hubs == [None] * 4
