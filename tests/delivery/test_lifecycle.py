"""Process facts: what a fork leaves to whom, and how other threads and hubs reach the home hub."""

from __future__ import annotations

import json
import os
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gevent
import pytest
from gevent.event import Event
from living import living_greenlets

from segment_gevent import Client, Stats
from segment_gevent.delivery import lifecycle
from segment_gevent.testing import Hold, RecordingTransport, ScriptedTransport, Sent, response

MakeClient = Callable[..., Client]
LONG = 3_600


def in_child(function: Callable[[], Any]) -> Any:
    """What the function returns in a forked child, which ends without the interpreter's exit."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            with gevent.Timeout(20):
                answer = json.dumps({"returned": function()})
        except BaseException:
            answer = json.dumps({"raised": traceback.format_exc()})
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        answer = json.loads(stream.read())
    with suppress(ChildProcessError):  # libev reaps every child once gevent.subprocess was used in this process
        os.waitpid(pid, 0)
    assert "raised" not in answer, answer["raised"]
    return answer["returned"]


def in_thread(function: Callable[[], Any]) -> Any:
    """What the function returns in a native thread, this thread's hub running meanwhile."""
    return gevent.get_hub().threadpool.apply(function)


def events(transport: RecordingTransport) -> list[str]:
    return [message["event"] for message in transport.messages]


# Fork.


def test_a_child_starts_empty_and_sends_its_own(make_client: MakeClient) -> None:
    """The parent's messages, waiting and in flight, stay the parent's; each delivers what it tracked, once."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make_client(transport=transport, flush_after=LONG)
    client.track("s", event="in flight")
    hold.arrived.wait()
    client.track("s", event="waits")

    def child() -> list[Any]:
        transport.sent.clear()
        before = client.stats == Stats()
        trivially = client.flush()
        client.track("s", event="of child")
        return [before, trivially, client.flush(), events(transport), client.stats.delivered]

    assert in_child(child) == [True, True, True, ["of child"], 1]
    assert client.stats.pending == 2
    hold.release()
    assert client.flush() is True
    assert events(transport) == ["in flight", "waits"]


def test_parent_and_child_share_no_message_id(make_client: MakeClient) -> None:
    """The server would take the second for a repeat, and drop it."""
    transport = RecordingTransport()
    client = make_client(transport=transport)

    def ids() -> list[str]:
        transport.sent.clear()
        for _ in range(3):
            client.track("s", event="E")
        assert client.flush()
        return [message["messageId"] for message in transport.messages]

    children = [in_child(ids) for _ in range(2)]
    every = [*ids(), *children[0], *children[1]]
    assert len(set(every)) == 9


@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_flush_and_shutdown_are_safe_in_a_child(make_client: MakeClient, call: str) -> None:
    """The child waits for nothing of the parent's, and ends nothing of the parent's."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make_client(transport=transport)
    client.track("s", event="in flight")
    hold.arrived.wait()
    assert in_child(lambda: [getattr(client, call)(10), getattr(client, call)(10)]) == [True, True]
    hold.release()
    assert client.track("s", event="goes on") is True
    assert client.flush() is True
    assert events(transport) == ["in flight", "goes on"]


def test_a_child_runs_no_callback_of_its_parents_batches(make_client: MakeClient) -> None:
    """What was delivered, but not yet told, when the fork came is told in the parent alone."""
    told: list[int] = []
    blocked, go_on = Event(), Event()

    def callback(data: object, answer: object) -> None:
        blocked.set()
        go_on.wait()
        told.append(os.getpid())

    transport = RecordingTransport()
    client = make_client(transport=transport, flush_at=1)
    client.on_success(callback)
    client.track("s", event="being told")
    blocked.wait()
    client.track("s", event="to be told")
    transport.wait_for(2)

    def child() -> list[Any]:
        go_on.set()
        gevent.reinit()
        for _ in range(20):
            gevent.sleep(0)
        own = client.track("s", event="of child") and client.flush(10)
        return [own, len(told)]

    assert in_child(child) == [True, 1]
    assert told == []
    go_on.set()
    assert client.flush() is True
    assert told == [os.getpid()] * 2


def test_a_child_of_a_callback_is_not_killed(make_client: MakeClient) -> None:
    """A callback that forks goes on in both processes: its greenlet is the application's."""
    answers: list[Any] = []

    def callback(data: object, answer: object) -> None:
        def child() -> str:
            gevent.reinit()
            gevent.sleep(0)
            Event().wait(0.01)
            return "alive"

        answers.append(in_child(child))

    client = make_client(transport=RecordingTransport())
    client.on_success(callback)
    client.track("s", event="E")
    assert client.flush() is True
    assert answers == ["alive"]


def test_a_callers_send_does_not_go_on_in_a_child(make_client: MakeClient) -> None:
    """`async_=False`: a greenlet of the application, in the middle of a retry, is inherited with its batch."""
    hold = Hold(response(503, {"Retry-After": "0"}))
    transport = ScriptedTransport(hold)
    client = make_client(transport=transport, async_=False, flush_at=1, log=False)
    calling = gevent.spawn(client.track, "s", event="of parent")
    hold.arrived.wait()

    def child() -> int:
        gevent.reinit()
        hold.release()
        calling.join(10)
        return len(transport.sent)

    assert in_child(child) == 1
    hold.release()
    assert calling.get(timeout=10) is True
    assert events(transport) == ["of parent", "of parent"]


def test_a_fork_starts_no_greenlet(make_client: MakeClient) -> None:
    """gevent.subprocess runs the hook in every child before exec: it must cost nothing."""
    client = make_client(transport=ScriptedTransport(Hold()))
    client.track("s", event="E")
    gevent.idle()

    before = len(living_greenlets())
    assert in_child(lambda: len(living_greenlets())) <= before


@pytest.mark.parametrize("mode", [True, False])
def test_a_childs_loop_turns_before_it_sends(make_client: MakeClient, mode: bool) -> None:
    """The fork was in the midst of a turn, in which threads that look up names may answer unheard."""
    turns: list[int] = []

    def answer(_: Sent) -> int:
        turns.append(gevent.get_hub().loop.iteration)
        return 200

    client = make_client(transport=ScriptedTransport(answer), async_=mode)
    gevent.idle()
    turn_of_fork = gevent.get_hub().loop.iteration

    def send() -> int:
        client.track("s", event="E")
        assert client.flush(10)
        return turns[0]

    assert in_child(send) > turn_of_fork


def test_a_childs_loop_turns_before_it_warms_up(make_client: MakeClient) -> None:
    """As servers' hooks have it do after the fork."""
    client = make_client(host="http://127.0.0.1:1")
    gevent.idle()
    turn_of_fork = gevent.get_hub().loop.iteration

    def warm_up() -> int:
        client.warm_up()
        return int(gevent.get_hub().loop.iteration)

    assert in_child(warm_up) > turn_of_fork


def test_a_grandchild_is_a_child(make_client: MakeClient) -> None:
    """Also where the process between them never used the client."""
    transport = RecordingTransport()
    client = make_client(transport=transport)
    client.track("s", event="of parent")

    def track() -> list[Any]:
        transport.sent.clear()
        client.track("s", event="of grandchild")
        return [client.flush(10), events(transport)]

    assert in_child(lambda: in_child(track)) == [True, ["of grandchild"]]
    assert client.flush() is True
    assert events(transport) == ["of parent"]


def test_a_fork_in_a_native_thread(make_client: MakeClient) -> None:
    """The thread that lived on is the child's only one: its hub is home there."""
    transport = RecordingTransport()
    client = make_client(transport=transport)
    client.track("s", event="of parent")

    def child() -> list[Any]:
        transport.sent.clear()
        client.track("s", event="of child")
        return [client.flush(10), events(transport)]

    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(in_child(child)))
    thread.start()
    in_thread(thread.join)
    assert answers == [[True, ["of child"]]]
    assert client.flush() is True
    assert events(transport) == ["of parent"]


# Threads and hubs.


def test_native_threads_wake_the_home_hub(make_client: MakeClient) -> None:
    """Their messages go at once by the same rules, and lose nothing however many threads there are."""
    transport = RecordingTransport()
    client = make_client(transport=transport, flush_at=100, flush_after=LONG)

    def work(worker: int) -> None:
        for number in range(500):
            assert client.track("s", event=f"{worker}-{number}")

    in_thread(lambda: client.track("s", event="first, at once"))
    transport.wait_for(1)
    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    in_thread(lambda: [thread.join() for thread in threads])
    assert client.flush() is True
    stats = client.stats
    assert (stats.submitted, stats.delivered, stats.pending) == (4_001, 4_001, 0)
    assert len(set(events(transport))) == 4_001


def test_flush_in_a_native_thread_waits_for_the_home_hub(make_client: MakeClient) -> None:
    """It answers as anywhere, and leaves no hub in the thread."""
    from gevent._hub_local import get_hub_if_exists

    hold = Hold(400)
    transport = ScriptedTransport(hold)
    client = make_client(transport=transport, log=False)
    client.track("s", event="fails")
    hold.arrived.wait()
    hubs: list[object] = []

    def flush() -> bool:
        answer = client.flush(10)
        hubs.append(get_hub_if_exists())
        return answer

    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(flush()))
    thread.start()
    while not client._pipeline()._flusher._waiters:
        gevent.idle()
    hold.release()
    in_thread(thread.join)
    assert (answers, hubs) == ([False], [None])


def test_a_thread_sends_by_itself_when_the_home_hub_does_not_turn(make_client: MakeClient) -> None:
    """The main thread waits natively, as in a program of threads: flush and shutdown deliver all the same."""
    senders: list[int] = []

    def answer(sent: Sent) -> int:
        senders.append(threading.get_ident())
        return 200

    transport = ScriptedTransport(answer, answer)
    client = make_client(transport=transport)
    answers: list[bool] = []

    def work() -> None:
        client.track("s", event="A")
        answers.append(client.flush(10))
        client.track("s", event="B")
        answers.append(client.shutdown(10))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [True, True]
    assert events(transport) == ["A", "B"]
    assert set(senders) == {thread.ident}


def test_another_hub_may_track_and_flush(make_client: MakeClient) -> None:
    """A thread with a hub and greenlets of its own."""
    transport = RecordingTransport()
    client = make_client(transport=transport, flush_at=10, flush_after=LONG)

    def work() -> list[bool]:
        greenlets = [gevent.spawn(client.track, "s", event=str(number)) for number in range(20)]
        gevent.joinall(greenlets, raise_error=True)
        flushes = [gevent.spawn(client.flush, 10) for _ in range(3)]
        answers = [each.get() for each in flushes]
        gevent.get_hub().destroy()
        return answers

    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(work()))
    thread.start()
    in_thread(thread.join)
    assert answers == [[True] * 3]
    assert sorted(events(transport), key=int) == [str(number) for number in range(20)]


def test_the_home_moves_when_its_thread_ended(make_client: MakeClient) -> None:
    """A client made in a thread that is no more delivers from the hub that calls next."""
    transport = RecordingTransport()
    made: list[Client] = []

    def make() -> None:
        client = make_client(transport=transport, flush_after=0.01)
        client.track("s", event="of the thread")
        assert client.flush(10)
        gevent.get_hub().destroy()
        made.append(client)

    thread = threading.Thread(target=make)
    thread.start()
    in_thread(thread.join)
    (client,) = made
    for number in range(3):
        assert client.track("s", event=str(number))
        transport.wait_for(2 + number)
    assert client.flush(10) is True
    assert events(transport) == ["of the thread", "0", "1", "2"]
    assert client.stats.flusher_alive


@pytest.mark.parametrize("call", ["flush", "track"])
def test_who_waits_outlives_the_home_hub(make_client: MakeClient, call: str) -> None:
    """What that hub had in flight is sent from another: also for a call that waits for room in the queue."""
    hold = Hold()
    made: list[Client] = []
    is_over = threading.Event()

    def make() -> None:
        client = make_client(
            transport=ScriptedTransport(hold), max_queue_size=2, overflow="block", block_timeout=LONG, log=False
        )
        client.track("s", event="in flight")
        hold.arrived.wait()
        client.track("s", event="1")
        client.track("s", event="2")
        made.append(client)
        while not is_over.is_set():
            gevent.idle()
        gevent.get_hub().destroy()

    thread = threading.Thread(target=make)
    thread.start()
    while not made:
        gevent.idle()
        time.sleep(0)
    (client,) = made
    calling = gevent.spawn(client.flush, LONG) if call == "flush" else gevent.spawn(client.track, "s", event="3")
    for _ in range(100):  # the home hub answers that it turns
        gevent.idle()
        time.sleep(0)
    assert not calling.ready()
    is_over.set()
    in_thread(thread.join)
    assert calling.get(timeout=20) is True
    assert client.flush(20) is True
    assert client.stats.delivered == client.stats.submitted


def test_a_client_made_where_no_hub_turns_uses_the_hub_that_does(make_client: MakeClient) -> None:
    """Made in a thread that never waits, used where greenlets run: the first message goes at once."""
    transport = RecordingTransport()
    made: list[Client] = []
    alive = threading.Event()

    def make() -> None:
        made.append(make_client(transport=transport, flush_after=LONG))
        alive.wait(20)

    thread = threading.Thread(target=make)
    thread.start()
    while not made:
        gevent.idle()
        time.sleep(0)
    tracking = gevent.spawn(made[0].track, "s", event="E")
    transport.wait_for(1)
    assert tracking.get() is True
    alive.set()
    in_thread(thread.join)


def test_a_turn_lets_io_through() -> None:
    """What `gevent.sleep(0)` does not: a socket that is ready has its reader run meanwhile."""
    ours, theirs = gevent.socket.socketpair()
    with ours, theirs:
        heard: list[bytes] = []
        gevent.spawn(lambda: heard.append(ours.recv(9)))
        lifecycle.turn()  # the reader waits now
        theirs.send(b"ready")
        lifecycle.turn()
        lifecycle.turn()
        assert heard == [b"ready"]
