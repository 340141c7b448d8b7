"""Spooling: what goes to disk and when, how it comes back, and that a failing disk takes nothing down with it."""

from __future__ import annotations

import gc
import logging
import os
import stat
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import orjson
import pytest
from gevent.event import AsyncResult
from servers.program import program

from segment_gevent import Client
from segment_gevent.delivery import inventory
from segment_gevent.events.batch import BATCH_BYTES
from segment_gevent.testing import Hold, RecordingTransport, ScriptedTransport, Sent, response

MakeClient = Callable[..., Client]
LONG = 3_600
SOON = 30.0
KILOBYTES_20 = "x" * 20_000


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def make(make_client: MakeClient, directory: Path) -> MakeClient:
    """A client with a spool that tries once and sends when told, or when it is idle."""
    return partial(make_client, spool_dir=directory, max_retries=0, flush_at=1_000, flush_after=LONG)


def until(condition: Callable[[], object]) -> None:
    """Let the others run until the condition holds."""
    with gevent.Timeout(SOON, AssertionError("it never came to hold")):
        while not condition():
            gevent.sleep(0.001)


def track(client: Client, *events: str, **properties: object) -> None:
    for event in events:
        assert client.track("s", event=event, properties=properties)


def events(sent: Sent) -> list[str]:
    return [message["event"] for message in sent.messages]


def ids(transport: RecordingTransport) -> list[str]:
    return [message["messageId"] for message in transport.messages]


def on_disk(directory: Path) -> list[str]:
    """The events of all messages on disk, held or not."""
    return [orjson.loads(message.body)["event"] for message in inventory.messages(directory)]


def replayed(client: Client, messages: int) -> Callable[[], bool]:
    """Have the client look into its spool, until so many messages came from there."""

    def look() -> bool:
        client.look()
        return client.stats.replayed >= messages

    return look


def check(client: Client, **counts: int) -> None:
    """The counts are these, and every call has one fate."""
    stats = client.stats
    assert {name: getattr(stats, name) for name in counts} == counts
    assert stats.submitted == stats.delivered + stats.failed + stats.dropped + stats.spooled + stats.pending
    assert min(stats.delivered, stats.failed, stats.dropped, stats.spooled, stats.pending) >= 0


def lines(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if words in record.getMessage()]


def leave(make: MakeClient, *names: str, **options: Any) -> None:
    """An earlier client's messages, which its shutdown left on disk."""
    client = make(transport=ScriptedTransport(*[503] * 10), **options)
    track(client, *names)
    assert client.shutdown() is False
    assert client.stats.spooled == len(names)


# Undeliverable, spooled, replayed.


def test_what_cannot_be_delivered_is_spooled_and_replayed_when_delivery_works(
    make: MakeClient, directory: Path
) -> None:
    """Its fate moves from spooled to delivered, under the messageId that it always had."""
    transport = ScriptedTransport(503)
    client = make(transport=transport)
    track(client, "1", "2")
    assert client.flush() is False
    check(client, spooled=2, failed=0, pending=0)
    assert on_disk(directory) == ["1", "2"]
    track(client, "live")
    client.flush()
    until(lambda: client.stats.replayed == 2)
    check(client, delivered=3, spooled=0, replayed=2, failed=0)
    assert list(map(events, transport.sent)) == [["1", "2"], ["live"], ["1", "2"]]
    assert ids(transport)[:2] == ids(transport)[3:]
    assert client.shutdown() is True
    assert os.listdir(directory) == []


def test_a_client_without_a_spool_fails_instead(make_client: MakeClient) -> None:
    """Spooling is asked for by `spool_dir`."""
    client = make_client(transport=ScriptedTransport(503), max_retries=0)
    track(client, "1")
    assert client.flush() is False
    check(client, failed=1, spooled=0)


def test_a_refusal_for_good_is_not_spooled(make: MakeClient, directory: Path) -> None:
    """A later attempt could not end better."""
    client = make(transport=ScriptedTransport(403))
    track(client, "1")
    assert client.flush() is False
    check(client, failed=1, spooled=0)
    assert not directory.exists()


def test_a_replay_that_is_refused_for_good_fails_and_leaves_the_disk(make: MakeClient, directory: Path) -> None:
    """`on_failure` is told of it as of a live batch."""
    client = make(transport=ScriptedTransport(503, 200, 422))
    failed: list[Any] = []
    client.on_failure(lambda data, error: failed.append((data["batch"][0]["event"], error.status)))
    track(client, "1")
    client.flush()
    track(client, "live")
    client.flush()
    until(lambda: client.stats.replayed == 1)
    check(client, delivered=1, failed=1, spooled=0)
    client.shutdown()
    assert failed == [("1", 422)]
    assert os.listdir(directory) == []


@pytest.mark.parametrize("status", [302, 401, 403, 404, 511])
def test_a_replay_whose_sender_or_host_is_wrong_stays_on_disk(
    make: MakeClient, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """It says nothing of the messages: they wait for a key, token or host that is right, and the log says why."""
    transport = ScriptedTransport(503, 200, status, 200)
    client = make(transport=transport)
    track(client, "1")
    client.flush()
    track(client, "live")
    client.flush()
    until(lambda: client.stats.replayed == 1)
    client.shutdown()
    assert len(transport.sent) == 4
    check(client, delivered=2, failed=0, spooled=0)
    assert f"fails and what is on disk waits there: the server answered {status}" in caplog.text


def test_a_replay_refused_for_one_message_is_taken_apart(make: MakeClient, directory: Path) -> None:
    """Only the guilty one fails; the others are delivered once."""

    def judge(sent: Sent) -> int:
        return 400 if "bad" in events(sent) else 200

    transport = ScriptedTransport(503, 200, *[judge] * 20)
    client = make(transport=transport)
    track(client, "1", "2", "bad", "3", "4")
    client.flush()
    track(client, "live")
    client.flush()
    until(lambda: client.stats.replayed == 5)
    check(client, delivered=5, failed=1, spooled=0, replayed=5)
    delivered = [name for sent in transport.sent[2:] if "bad" not in events(sent) for name in events(sent)]
    assert sorted(delivered) == ["1", "2", "3", "4"]
    client.shutdown()
    assert os.listdir(directory) == []


def test_a_rate_limit_during_a_replay_leaves_it_on_disk_for_later(make: MakeClient) -> None:
    """It pauses live messages too, and fails neither."""
    transport = ScriptedTransport(503, 200, response(429, {"Retry-After": "0.05"}))
    client = make(transport=transport)
    track(client, "1")
    client.flush()
    track(client, "live")
    client.flush()
    until(lambda: len(transport.sent) == 3)
    track(client, "later")
    assert client.flush() is True
    until(replayed(client, 1))
    check(client, delivered=3, failed=0, spooled=0, replayed=1)


def test_a_replay_that_fails_again_stays_on_disk(make: MakeClient, directory: Path) -> None:
    """However often; its fate is still spooled."""
    transport = ScriptedTransport(503, 200, 503, 200, 503)
    client = make(transport=transport)
    track(client, "1")
    client.flush()
    for number in range(2):
        track(client, f"live {number}")
        assert client.flush() is True
        until(lambda number=number: len(transport.sent) == 3 + 2 * number)
    check(client, spooled=1, replayed=0)
    until(replayed(client, 1))
    check(client, delivered=3, spooled=0, replayed=1)


def test_replays_and_live_messages_take_turns(make: MakeClient) -> None:
    """While both wait, neither starves the other."""
    client: Client
    live = iter(range(1_000))

    def answer(sent: Sent) -> int:
        if client.stats.spooled:
            track(client, f"live {next(live)}")  # one more waits when this is answered
        return 200

    transport = ScriptedTransport(*[503] * 4, *[answer] * 200)
    client = make(transport=transport, flush_at=1)
    for _ in range(4):
        track(client, *["old"] * 24, text=KILOBYTES_20)  # a batch
        client.flush()
    spooled = client.stats.spooled
    assert spooled > 24
    sent_before = len(transport.sent)
    track(client, "live first")
    until(lambda: client.stats.replayed == 96)
    kinds = ["old" if "old" in events(sent) else "live" for sent in transport.sent[sent_before:]]
    first, last = kinds.index("old"), len(kinds) - kinds[::-1].index("old")
    assert kinds[first:last:2] == ["old"] * len(kinds[first:last:2])
    assert kinds[first + 1 : last : 2] == ["live"] * len(kinds[first + 1 : last : 2])
    assert kinds.count("old") > 2


def test_flush_waits_for_no_replay(make: MakeClient) -> None:
    """What is on disk has its fate."""
    leave(make, "1")
    hold = Hold()
    client = make(transport=ScriptedTransport(hold))
    hold.arrived.wait()
    assert client.flush() is True
    hold.release()
    until(lambda: client.stats.replayed == 1)


# The end of a process, and the next one's start.


def test_shutdown_spools_what_is_left_and_the_next_start_replays_it(make: MakeClient, directory: Path) -> None:
    """shutdown answers False, drops nothing, and a later client sends all of it once."""
    hold = Hold()
    client = make(transport=ScriptedTransport(hold))
    track(client, "in flight")
    hold.arrived.wait()
    track(client, "waiting 1", "waiting 2")
    assert client.shutdown(0.05) is False
    check(client, spooled=3, dropped=0, failed=0, pending=0)
    transport = RecordingTransport()
    later = make(transport=transport)
    until(lambda: later.stats.replayed == 3)
    assert [message["event"] for message in transport.messages] == ["in flight", "waiting 1", "waiting 2"]
    later.shutdown()
    assert os.listdir(directory) == []


def test_what_another_process_spooled_adds_to_replayed_alone(make: MakeClient) -> None:
    """This client never submitted it."""
    leave(make, "1", "2")
    client = make(transport=RecordingTransport())
    until(lambda: client.stats.replayed == 2)
    check(client, submitted=0, delivered=0, spooled=0, failed=0, replayed=2)


def test_shutdown_lets_a_replay_on_its_way_end(make: MakeClient, directory: Path) -> None:
    """Or the next process would send again what arrived."""
    leave(make, "1")
    hold = Hold()
    client = make(transport=ScriptedTransport(hold))
    hold.arrived.wait()
    ending = gevent.spawn(client.shutdown, SOON)
    gevent.sleep(0)
    hold.release()
    assert ending.get(timeout=SOON) is True
    assert client.stats.replayed == 1
    assert os.listdir(directory) == []


def test_shutdown_waits_no_longer_than_its_time_out_for_a_replay(make: MakeClient, directory: Path) -> None:
    """What was not answered by then stays on disk."""
    leave(make, "1")
    hold = Hold()
    client = make(transport=ScriptedTransport(hold))
    hold.arrived.wait()
    with gevent.Timeout(SOON):
        client.shutdown(0.05)
    assert on_disk(directory) == ["1"]


@pytest.mark.parametrize("options", [{"host": "https://other.example"}, {"key": "other-key"}])
def test_messages_of_another_key_or_host_are_not_sent(
    options: dict[str, str], make: MakeClient, directory: Path
) -> None:
    """They stay for a client of theirs."""
    key, host = options.get("key", "write-key"), options.get("host", "https://api.segment.io")
    other = Client(key, host=host, transport=ScriptedTransport(503), max_retries=0, spool_dir=directory)
    track(other, "theirs")
    other.shutdown()
    transport = ScriptedTransport(503)
    client = make(transport=transport)
    track(client, "ours")
    client.flush()
    until(replayed(client, 1))
    client.shutdown()
    assert {message["event"] for message in transport.messages} == {"ours"}
    assert on_disk(directory) == ["theirs"]
    transport = RecordingTransport()
    with Client(key, host=host, transport=transport, spool_dir=directory) as other:
        until(lambda: other.stats.replayed == 1)
    assert transport.messages[0]["event"] == "theirs"


# A full queue.


def test_a_full_queue_spools_the_oldest_and_loses_none(make: MakeClient) -> None:
    """100,000 calls, more than the queue holds, without a pause: each is accepted, and arrives once."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make(transport=transport, overflow="spool", max_queue_size=2_000)
    for number in range(100_000):
        assert client.track("s", event="E", properties={"n": number})
    check(client, dropped=0, failed=0)
    assert client.stats.spooled > 50_000
    hold.release()
    client.flush()
    until(lambda: not (client.stats.spooled or client.stats.pending))
    check(client, delivered=100_000)
    arrived = Counter(message["properties"]["n"] for message in transport.messages)
    assert len(arrived) == 100_000
    assert set(arrived.values()) == {1}


def test_callers_that_are_killed_while_the_queue_is_full_spool_nothing_twice(make: MakeClient) -> None:
    """At whatever step: what was in memory stays there, and each message has one fate."""
    hold = Hold()
    transport = ScriptedTransport(hold)
    client = make(transport=transport, overflow="spool", max_queue_size=50)

    def flood() -> None:
        while True:
            track(client, "E")

    for turn in range(60):
        caller = gevent.spawn(flood)
        for _ in range(turn % 12):
            gevent.sleep(0)
        caller.kill()
    hold.release()
    client.flush()
    until(lambda: not client.stats.pending and replayed(client, 0)() and not client.stats.spooled)
    stats = client.stats
    check(client, spooled=0, pending=0)
    assert stats.delivered == stats.submitted - stats.dropped
    assert set(Counter(ids(transport)).values()) == {1}


@pytest.mark.parametrize("overflow", ["block", "spool"])
def test_a_caller_that_is_killed_while_it_waits_has_its_message_dropped(make: MakeClient, overflow: str) -> None:
    """Its call is counted, and so has a fate."""
    hold = Hold()
    client = make(transport=ScriptedTransport(hold), overflow=overflow, max_queue_size=2, block_timeout=LONG)
    track(client, "first")
    hold.arrived.wait()
    track(client, "1", "2")
    caller = gevent.spawn(client.track, "s", event="3")
    gevent.sleep(0)
    caller.kill()
    hold.release()
    client.flush()
    until(lambda: not client.stats.pending)
    check(client, submitted=4, pending=0)


# A disk that fails.


def test_without_a_directory_delivery_goes_on_from_memory(
    make_client: MakeClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, and once more when the disk works again."""
    caplog.set_level(logging.INFO, "segment_gevent")
    blocker = tmp_path / "blocker"
    blocker.write_text("not a directory")
    client = make_client(transport=ScriptedTransport(503, 200, 503, 503), max_retries=0, spool_dir=blocker / "spool")
    for event in "123":
        track(client, event)
        client.flush()
    check(client, delivered=1, failed=2, spooled=0)
    assert len(lines(caplog, "the spool fails")) == 1
    blocker.unlink()
    track(client, "4")
    client.flush()
    check(client, delivered=1, failed=2, spooled=1)
    assert len(lines(caplog, "works again")) >= 1
    assert len(lines(caplog, "the spool fails")) == 1


@pytest.mark.parametrize(("kind", "spools_some"), [("full", True), ("read-only", False)])
def test_a_full_or_read_only_disk_is_said_once_and_used_again(kind: str, spools_some: bool) -> None:
    """What can't be spooled has failed and nothing else happens to it; the disk is used as soon as it works."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to other users
        os.chmod(folder, 0o755)
        with program("spool_trouble", kind, os.path.join(folder, "spool")) as process:
            found = orjson.loads(process.ended().check().output)
    assert found["failing"]["failed"] > 5
    assert bool(found["failing"]["spooled"]) is spools_some
    assert found["failing"]["failed"] + found["failing"]["spooled"] == found["failing"]["holds"] == 30
    assert found["afterwards"]["spooled"] == found["failing"]["spooled"] + 1
    assert found["end"]["holds"] == 32
    assert found["end"]["failed"] == found["failing"]["failed"]
    assert len([line for line in found["lines"] if "the spool fails" in line]) == 1
    assert len([line for line in found["lines"] if "the spool works again" in line]) == 1


@pytest.mark.parametrize("damage", [b"not a database at all" * 500, b"\x00" * 5_000, b"SQLite format 3\x00" * 300])
def test_a_bad_file_is_set_aside_and_the_rest_is_delivered(
    damage: bytes, make: MakeClient, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Other files are replayed, live messages delivered, and the bad file keeps its content under another name."""
    leave(make, "lost")
    (bad,) = directory.glob("*.db")
    bad.write_bytes(damage)
    leave(make, "kept")
    client = make(transport=(transport := RecordingTransport()))
    track(client, "live")
    client.flush()
    until(replayed(client, 1))
    assert sorted(message["event"] for message in transport.messages) == ["kept", "live"]
    assert len(lines(caplog, "a spool file is")) == 1
    client.shutdown()
    (aside,) = directory.glob("*.broken-*")
    assert aside.read_bytes().startswith(damage[:16])


# Bounds.


def test_the_oldest_go_when_the_spool_is_full(
    make: MakeClient, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They are counted as dropped, told to on_drop, and said in one line; everything else is still replayed."""
    transport = ScriptedTransport(*[503] * 40)
    client = make(transport=transport, spool_max_bytes=4 << 20)
    told: list[tuple[int, str]] = []
    client.on_drop(lambda message, reason: told.append((message["properties"]["n"], reason)))
    for batch in range(40):
        for number in range(10):
            track(client, "E", text=KILOBYTES_20, n=10 * batch + number)
        client.flush()
        assert sum(file.stat().st_size for file in directory.iterdir()) <= (4 << 20) + BATCH_BYTES
    lost = client.stats.dropped_by_reason["spool_full"]
    assert lost > 100
    check(client, spooled=400 - lost, dropped=lost, failed=0, pending=0)
    until(lambda: len(told) == lost)
    assert told == [(number, "spool_full") for number in range(lost)]
    assert len(lines(caplog, "gone from the spool")) == 1
    until(replayed(client, 400 - lost))
    check(client, delivered=400 - lost, spooled=0, dropped=lost)


def test_what_is_too_old_is_dropped_and_not_sent(make: MakeClient) -> None:
    """`spool_max_age` after it was spooled, with a count and a word to on_drop."""
    transport = ScriptedTransport(*[503] * 1_000)
    client = make(transport=transport, spool_max_age=0.01)
    told: list[tuple[str, str]] = []
    client.on_drop(lambda message, reason: told.append((message["event"], reason)))
    track(client, "old")
    client.flush()
    until(lambda: client.look() or told)
    assert told == [("old", "spool_expired")]
    check(client, spooled=0, dropped=1, delivered=0)
    assert client.stats.dropped_by_reason == {"spool_expired": 1}


# Secrets.


def test_the_files_are_private_and_do_not_tell_the_write_key(make_client: MakeClient, directory: Path) -> None:
    """0600 in 0700, whatever the umask; no byte of the key in a file or a name."""
    before = os.umask(0)
    try:
        hold = Hold()
        client = make_client(transport=ScriptedTransport(hold), spool_dir=directory, durable="sync")
        track(client, "1", "2")
    finally:
        os.umask(before)
    files = list(directory.iterdir())
    assert {file.suffix for file in files} >= {".db", ".lock"}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert not [file for file in files if b"write-key" in file.read_bytes() or "write-key" in file.name]
    hold.release()


# Durable.


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
        gevent.killall([each for each in _greenlets() if "_write_until_done" in repr(each)])
    assert len(on_disk(directory)) == 21
    hold.release()
    assert client.shutdown() is True
    assert os.listdir(directory) == []


def _greenlets() -> list[gevent.Greenlet]:
    return [each for each in gc.get_objects() if isinstance(each, gevent.Greenlet) and not each.dead]


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
