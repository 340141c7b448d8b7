"""The writer: with `durable`, every message that has no fate is on disk, and none that has one."""

from __future__ import annotations

import os
import threading
from collections import Counter
from pathlib import Path

import gevent
from gevent.event import AsyncResult
from living import living_greenlets
from servers.spools import (
    SOON,
    MakeClient,
    check,
    ids,
    on_disk,
    replayed,
    track,
    until,
)

from segment_gevent import Client
from segment_gevent.delivery.spool import inventory
from segment_gevent.testing import Hold, RecordingTransport, ScriptedTransport


def test_durable_messages_are_on_disk_while_they_wait_and_gone_when_delivered(
    make: MakeClient, directory: Path
) -> None:
    """A clean shutdown leaves an empty directory."""
    hold = Hold()
    client = make(transport=ScriptedTransport(hold), durable=True)
    track(client, "1", "2", "3")
    until(lambda: on_disk(directory) == ["1", "2", "3"])
    assert all(message.held for message in inventory.messages(directory))
    hold.release()
    assert client.flush() is True
    until(lambda: on_disk(directory) == [])
    client.shutdown()
    assert os.listdir(directory) == []
    check(client, delivered=3, spooled=0, replayed=0)


def test_durable_messages_that_cannot_be_delivered_stand_once_on_disk(make: MakeClient, directory: Path) -> None:
    """Journaled before or not, they are replayed once."""
    transport = ScriptedTransport(503, 503, 503)
    client = make(transport=transport, durable=True)
    for event in "123":
        track(client, event)
        client.flush()
    assert sorted(on_disk(directory)) == ["1", "2", "3"]
    check(client, spooled=3)
    until(replayed(client, 3))
    until(lambda: on_disk(directory) == [])
    check(client, delivered=3, spooled=0, replayed=3)
    client.shutdown()
    assert os.listdir(directory) == []
    assert Counter(ids(transport)).most_common(1)[0][1] == 2


def test_a_full_queue_of_durable_messages_spools_each_once(make: MakeClient, directory: Path) -> None:
    """The journal writes none anew that was set aside, and was replayed meanwhile."""
    transport = RecordingTransport()
    client = make(transport=transport, durable=True, overflow="spool", max_queue_size=100, journal_interval=0.001)
    for number in range(20_000):
        assert client.track("s", event="E", properties={"n": number})
    client.flush()
    until(lambda: client.look() or not (client.stats.pending or client.stats.spooled))
    check(client, delivered=20_000)
    assert set(Counter(ids(transport)).values()) == {1}
    client.shutdown()
    assert os.listdir(directory) == []


def test_durable_messages_that_are_dropped_are_not_sent_by_the_next_process(make: MakeClient, directory: Path) -> None:
    """A message that a full queue drops leaves the disk too."""
    hold = Hold()
    client = make(transport=ScriptedTransport(hold), durable="sync", overflow="drop_oldest", max_queue_size=2)
    track(client, "first")
    hold.arrived.wait()
    track(client, "1", "2", "3", "4")
    until(lambda: sorted(on_disk(directory)) == ["3", "4", "first"])
    assert client.stats.dropped == 2
    hold.release()
    client.shutdown()
    assert os.listdir(directory) == []


def test_the_journal_goes_on_when_its_greenlet_is_killed(make: MakeClient, directory: Path) -> None:
    """Another writes on, and what was delivered leaves the disk."""
    hold = Hold()
    client = make(transport=ScriptedTransport(hold), durable="sync")
    track(client, "first")
    hold.arrived.wait()
    for number in range(20):
        assert client.track("s", event=f"{number}") is True
        gevent.killall([each for each in living_greenlets() if "_write_until_done" in repr(each)])
    assert len(on_disk(directory)) == 21
    hold.release()
    assert client.shutdown() is True
    assert os.listdir(directory) == []


def test_sync_returns_when_the_message_is_on_disk(make: MakeClient, directory: Path) -> None:
    """From the call's return on, no kill can lose it; greenlets that call at once share a write."""
    hold = Hold()
    client = make(transport=ScriptedTransport(hold), durable="sync")

    def call(event: str) -> bool:
        return client.track("s", event=event) and event in on_disk(directory)

    callers = [gevent.spawn(call, str(number)) for number in range(30)]
    assert all(caller.get(timeout=SOON) for caller in callers)
    hold.release()


def test_sync_answers_false_in_the_hub_and_goes_on_from_memory(make: MakeClient) -> None:
    """Nothing can wait there, so nothing can be promised; the message is delivered all the same."""
    client = make(transport=RecordingTransport(), durable="sync")
    answer: AsyncResult[bool] = AsyncResult()
    gevent.get_hub().loop.run_callback(lambda: answer.set(client.track("s", event="E")))
    assert answer.get(timeout=SOON) is False
    client.flush()
    check(client, submitted=1, delivered=1)


def test_sync_answers_false_where_the_disk_fails_and_goes_on_from_memory(
    make_client: MakeClient, tmp_path: Path
) -> None:
    """And True again when the disk works."""
    blocker = tmp_path / "blocker"
    blocker.write_text("not a directory")
    client = make_client(transport=RecordingTransport(), spool_dir=blocker / "spool", durable="sync")
    assert [client.track("s", event=event) for event in "123"] == [False] * 3
    client.flush()
    check(client, submitted=3, delivered=3)
    blocker.unlink()
    until(lambda: client.track("s", event="again"))


def test_sync_writes_in_the_callers_thread_where_the_home_hub_does_not_turn(make: MakeClient, directory: Path) -> None:
    """The main thread is held up in native code: the call is not, and its answer is true."""
    client = make(transport=RecordingTransport(), durable="sync")
    answers: list[tuple[bool, list[str]]] = []
    thread = threading.Thread(target=lambda: answers.append((client.track("s", event="E"), on_disk(directory))))
    thread.start()
    thread.join(SOON)
    assert answers == [(True, ["E"])]


def test_sync_answers_false_where_neither_the_home_hub_nor_the_disk_works(
    make_client: MakeClient, tmp_path: Path
) -> None:
    """It waits for neither without end."""
    (blocker := tmp_path / "blocker").write_text("not a directory")
    client = make_client(transport=RecordingTransport(), spool_dir=blocker / "spool", durable="sync")
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(client.track("s", event="E")))
    thread.start()
    thread.join(SOON)
    assert answers == [False]
    client.flush()
    check(client, submitted=1, delivered=1)


def test_the_journal_goes_on_where_its_hub_has_ended(make: MakeClient, directory: Path) -> None:
    """Its greenlet was at rest in a thread that is over: another, in another hub, takes its place."""
    holds = [Hold() for _ in range(3)]
    made: list[Client] = []

    def work() -> None:
        made.append(make(transport=ScriptedTransport(*holds), durable=True))
        track(made[0], "there")
        gevent.sleep(0)
        gevent.get_hub().destroy()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(SOON)
    track(made[0], "here")
    until(lambda: "here" in on_disk(directory))
    for hold in holds:
        hold.release()
