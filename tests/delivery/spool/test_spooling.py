"""Spooling: what goes to disk and when, how it comes back, and that a failing disk takes nothing down with it."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import gevent
import orjson
import pytest
from gevent.event import Event
from servers.program import program
from servers.spools import (
    KILOBYTES_20,
    LONG,
    SOON,
    MakeClient,
    check,
    events,
    hanging_disk,
    ids,
    leave,
    lines,
    on_disk,
    replayed,
    track,
    turn_of_the_disk,
    until,
)

from segment_gevent import Client
from segment_gevent.counters import Counters
from segment_gevent.delivery.authorization import Basic
from segment_gevent.delivery.buffer import Buffer
from segment_gevent.delivery.fates import Fates
from segment_gevent.delivery.flights import Flight, Flights
from segment_gevent.delivery.lifecycle import Home
from segment_gevent.delivery.reporter import Callbacks, Reporter
from segment_gevent.delivery.sender import Sender
from segment_gevent.delivery.spool import inventory
from segment_gevent.delivery.spool.spooling import Spooling
from segment_gevent.events.batch import BATCH_BYTES, Envelope
from segment_gevent.options import Options
from segment_gevent.testing import Hold, RecordingTransport, ScriptedTransport

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


@pytest.mark.parametrize("durable", [False, True])
def test_shutdown_does_not_wait_for_a_disk_that_hangs(
    make: MakeClient, durable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends while the disk still hangs; what is not there is dropped, with one line, however many batches it was."""
    client = make(transport=ScriptedTransport(Hold()), durable=durable)
    with hanging_disk(), gevent.Timeout(SOON - 5, AssertionError("it waited for the disk")):
        track(client, *["E"] * 100, text=KILOBYTES_20)
        assert client.shutdown(0.05) is False
    check(client, dropped=100, spooled=0, pending=0)
    assert len(lines(caplog, "dropped at shutdown")) == 1


def test_shutdown_asks_a_locked_file_once(make: MakeClient, directory: Path) -> None:
    """Each try takes a second; forty batches that fail one after another would hold up the exit for that long."""
    client = make(transport=ScriptedTransport(503, Hold()), max_queue_bytes=50_000_000)
    track(client, "1")
    client.flush()
    (file,) = directory.glob("*.db")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    track(client, *["E"] * 24 * 40, text=KILOBYTES_20)
    with gevent.Timeout(SOON, AssertionError("it tried again and again")):
        client.shutdown(0.05)
    assert other.in_transaction
    other.close()
    check(client, dropped=24 * 40, spooled=1, pending=0)
    assert on_disk(directory) == ["1"]


def test_what_durable_wrote_is_spooled_by_a_shutdown_whose_disk_fails(make: MakeClient, directory: Path) -> None:
    """It is on disk and will be sent: so it is not counted as dropped. What came since the disk failed is."""
    client = make(transport=ScriptedTransport(hold := Hold()), durable=True)
    track(client, "1")
    hold.arrived.wait()
    track(client, "2", "3")
    until(lambda: len(on_disk(directory)) == 3)
    with hanging_disk():
        track(client, "4", "5")
        assert client.shutdown(0.05) is False
    check(client, spooled=3, dropped=2, failed=0, pending=0)
    later = make(transport=(transport := RecordingTransport()))
    until(replayed(later, 3))
    later.shutdown()
    assert [message["event"] for message in transport.messages] == ["1", "2", "3"]


def test_what_durable_wrote_is_not_written_again_by_a_shutdown(make: MakeClient, directory: Path) -> None:
    """It only becomes everybody's; the rest is written."""
    client = make(transport=ScriptedTransport(hold := Hold()), durable=True)
    track(client, "1")
    hold.arrived.wait()
    until(lambda: on_disk(directory) == ["1"])
    track(client, "2")
    assert client.shutdown(0.05) is False
    check(client, spooled=2, dropped=0)
    assert on_disk(directory) == ["1", "2"]
    assert not any(message.held for message in inventory.messages(directory))


def test_a_flush_in_the_caller_does_not_wait_for_a_disk_that_hangs(make: MakeClient) -> None:
    """What the disk has not taken by the time-out is still pending."""
    client = make(transport=ScriptedTransport(200, 503, 503), async_=False)
    track(client, "at once", "1")
    with hanging_disk(), gevent.Timeout(SOON - 5, AssertionError("it waited for the disk")):
        assert client.flush(0.05) is False
    check(client, pending=1, failed=0, spooled=0)
    client.flush()
    check(client, spooled=1)


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
    client = make(transport=transport, overflow="spool", max_queue_size=2_000, send_timeout=LONG)
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


def test_what_a_killed_caller_put_on_disk_is_sent_from_memory_alone(make: MakeClient, directory: Path) -> None:
    """Also where a replay looks for messages before the disk hears that nobody waits for its answer."""
    transport = RecordingTransport()
    client = make(transport=transport, overflow="spool", max_queue_size=2)
    for _ in range(10):
        turn_of_the_disk(lambda: True)  # for the look that a new client has
        gevent.sleep(0)
    with hanging_disk() as go_on:
        caller = gevent.spawn(track, client, "1", "2", "3")  # the queue is full before the flusher has a turn
        gevent.sleep(0)
        client.look()
        for _ in range(10):
            gevent.sleep(0)  # it finds nothing to send, and asks the disk
        go_on.set()
        turn_of_the_disk(lambda: on_disk(directory))  # and none of the caller's, which would hear of it
        caller.kill()
    client.flush()
    until(lambda: replayed(client, 0)() and not on_disk(directory))
    check(client, submitted=3, delivered=2, dropped=1, spooled=0, replayed=0)
    assert [message["event"] for message in transport.messages] == ["1", "2"]


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


def test_a_caller_that_is_killed_by_way_of_the_log_spools_nothing_twice(
    make_client: MakeClient, tmp_path: Path
) -> None:
    """A log handler may switch after the disk has the messages; they are in memory too, and only from there sent."""
    (blocker := tmp_path / "blocker").write_text("not a directory")
    transport = ScriptedTransport(hold := Hold())
    client = make_client(transport=transport, spool_dir=blocker / "spool", overflow="spool", max_queue_size=2)
    track(client, "first")
    hold.arrived.wait()
    track(client, "1", "2")
    assert client.track("s", event="refused") is False
    track(client, "3", "4")
    blocker.unlink()
    handler = _Switching("works again")
    logging.getLogger("segment_gevent").addHandler(handler)
    try:
        caller = gevent.spawn(client.track, "s", event="killed")
        assert handler.entered.wait(SOON)
        caller.kill()
    finally:
        logging.getLogger("segment_gevent").removeHandler(handler)
    hold.release()
    assert client.shutdown() is True
    check(client, delivered=5, dropped=2, spooled=0)
    assert [message["event"] for message in transport.messages] == ["first", "1", "2", "3", "4"]
    assert os.listdir(blocker / "spool") == []


def test_a_full_queue_whose_disk_fails_holds_no_more_than_before(make_client: MakeClient, tmp_path: Path) -> None:
    """What the disk refused is offered to it again, with the next message that finds the queue full."""
    (blocker := tmp_path / "blocker").write_text("not a directory")
    transport = ScriptedTransport(hold := Hold())
    client = make_client(transport=transport, spool_dir=blocker / "spool", overflow="spool", max_queue_size=10)
    track(client, "first")
    hold.arrived.wait()
    for _ in range(200):
        client.track("s", event="E")
    check(client, pending=1 + 2 * 10, dropped=180)
    blocker.unlink()
    track(client, "spooled now")
    check(client, pending=2, dropped=180, spooled=20)
    hold.release()
    client.shutdown()


class _Switching(logging.Handler):
    """Stays where a line has these words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.entered = Event()
        self._words = words

    def emit(self, record: logging.LogRecord) -> None:
        if self._words in record.getMessage():
            self.entered.set()
            Event().wait()


# One flight, several who have it.


class Keeping:
    """A spooling of its own, over a buffer of so many messages, each a flight."""

    def __init__(self, directory: Path, messages: int, **options: Any) -> None:
        logger = logging.getLogger("segment_gevent")
        home = Home.here()
        envelope = Envelope("write-key")
        self.buffer = Buffer(max_messages=100, max_bytes=10_000)
        self.flights = Flights(self.buffer, envelope, max_in_flight=messages)
        callbacks, counters = Callbacks(), Counters()
        settings = Options("write-key", spool_dir=directory, **options)
        self.spooling = Spooling(
            settings,
            home=home,
            flights=self.flights,
            envelope=envelope,
            sender=Sender(settings, RecordingTransport(), Basic("write-key"), counters, logger),
            fates=Fates(counters, callbacks, Reporter(home, logger, max_bytes=0), logger),
            logger=logger,
            on_due=lambda: None,
            is_closed=lambda: False,
        )
        self.out = [self._take(number) for number in range(messages)]

    def _take(self, number: int) -> Flight:
        assert self.buffer.put(orjson.dumps({"event": str(number)}), 0.0)
        flight = self.flights.next()
        assert flight is not None
        return flight

    def close(self) -> None:
        self.spooling.close(time.monotonic() + SOON)


def test_what_another_delivered_meanwhile_is_not_left_on_disk(directory: Path) -> None:
    """As when who had it put there sits in a hub that turns no more, and a shutdown in another thread sent it."""
    keeping = Keeping(directory, 1)
    (flight,) = keeping.out
    with hanging_disk():
        keeper = gevent.spawn(keeping.spooling.keep, flight)
        gevent.sleep(0)
        keeping.spooling.settled(flight.first, len(flight))
    keeper.get(timeout=SOON)
    keeping.close()
    assert on_disk(directory) == []


def test_what_a_shutdown_keeps_stays_when_who_kept_it_before_is_killed(directory: Path) -> None:
    """Which comes too late to take it back."""
    keeping = Keeping(directory, 2)
    flight, marker = keeping.out
    with hanging_disk():
        killed = gevent.spawn(keeping.spooling.keep, flight)
        gevent.sleep(0)
        left = gevent.spawn(keeping.spooling.leave, [flight], time.monotonic() + LONG)
        gevent.sleep(0)
        gevent.spawn(keeping.spooling.keep, marker)
        gevent.sleep(0)
    while "1" not in on_disk(directory):
        pass  # no turn for the hub: the answers come in before anybody has heard of one
    killed.kill()
    kept, lost = left.get(timeout=SOON)
    assert (sum(map(len, kept)), lost) == (1, [])
    keeping.close()
    assert on_disk(directory) == ["0", "1"]


def test_sync_waits_for_what_another_puts_on_disk(directory: Path) -> None:
    """A message that a full queue has just set aside is not there before the disk has said so."""
    keeping = Keeping(directory, 1, durable="sync")
    with hanging_disk():
        keeper = gevent.spawn(keeping.spooling.keep, keeping.out[0])
        gevent.sleep(0)
        waiting = gevent.spawn(keeping.spooling.writer.await_disk, 1)
        for _ in range(100):
            gevent.sleep(0.001)
        assert not waiting.ready()
    assert keeper.get(timeout=SOON) is True
    assert waiting.get(timeout=SOON) is True
    keeping.close()


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
    until(lambda: client.look() or lines(caplog, "the spool works again"))
    assert len(lines(caplog, "the spool fails")) == 1


@pytest.mark.parametrize("durable", [False, True])
def test_a_disk_that_can_only_be_read_does_not_work_again(
    durable: bool, make: MakeClient, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is read from it, and what there was nothing to write for, ends no trouble: it is said once, however long."""
    caplog.set_level(logging.INFO, "segment_gevent")
    client = make(transport=(transport := ScriptedTransport(503, 503, 503)), durable=durable)
    track(client, "1")
    client.flush()
    (file,) = directory.glob("*.db")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    track(client, "2")
    client.flush()
    until(lambda: lines(caplog, "the spool fails"))
    until(lambda: client.look() or len(transport.sent) == 3)
    client.shutdown()
    other.close()
    assert len(lines(caplog, "the spool fails")) == 1
    assert not lines(caplog, "the spool works again")


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
