"""Replays: when what is on disk is sent, in which order, and what becomes of it if that fails."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import pytest
from gevent.event import Event
from servers.spools import (
    KILOBYTES_20,
    LONG,
    SOON,
    MakeClient,
    check,
    events,
    leave,
    on_disk,
    replayed,
    track,
    until,
)

from segment_gevent import Client
from segment_gevent.counters import Counters
from segment_gevent.delivery.buffer import Buffer
from segment_gevent.delivery.fates import Fates
from segment_gevent.delivery.flights import Flights
from segment_gevent.delivery.lifecycle import Home
from segment_gevent.delivery.reporter import Callbacks, Reporter
from segment_gevent.delivery.spool.replays import Replay, Replays
from segment_gevent.delivery.spool.storage import Storage
from segment_gevent.delivery.spool.store import Store
from segment_gevent.events.batch import Envelope
from segment_gevent.testing import Hold, ScriptedTransport, Sent, response

if TYPE_CHECKING:
    import requests


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
    client.look()
    hold.arrived.wait()
    assert client.flush() is True
    hold.release()
    until(lambda: client.stats.replayed == 1)


def test_shutdown_lets_a_replay_on_its_way_end(make: MakeClient, directory: Path) -> None:
    """Or the next process would send again what arrived."""
    leave(make, "1")
    hold = Hold()
    client = make(transport=ScriptedTransport(hold))
    client.look()
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
    client.look()
    hold.arrived.wait()
    with gevent.Timeout(SOON):
        client.shutdown(0.05)
    assert on_disk(directory) == ["1"]


# A batch that fails, and the others.


def spool(client: Client, transport: ScriptedTransport, *names: str, **properties: object) -> None:
    """Have these put on disk, as one batch that was given up."""
    transport.script.insert(0, 503)
    before = client.stats.spooled
    track(client, *names, **properties)
    client.flush()
    assert client.stats.spooled == before + len(names)


def test_a_batch_that_fails_again_and_again_holds_up_no_other(make: MakeClient) -> None:
    """What is on disk behind it is replayed; it is tried later and later, for as long as it fails."""

    def judge(sent: Sent) -> int:
        return 503 if "bad" in events(sent) else 200

    transport = ScriptedTransport()
    client = make(transport=transport)
    for first in ("bad", "good", "good"):
        spool(client, transport, first, *["more"] * 23, text=KILOBYTES_20)
    transport.script += [judge] * 1_000
    until(lambda: client.stats.replayed == 48)
    check(client, spooled=24, delivered=48, failed=0)


def test_a_piece_that_fails_again_and_again_holds_up_no_other(make: MakeClient) -> None:
    """The other parts of its batch arrive, each once, and what is spooled later does not join it."""

    def judge(sent: Sent) -> int:
        if "bad" not in events(sent):
            return 200
        return 503 if len(sent.messages) == 1 else 400

    transport = ScriptedTransport()
    client = make(transport=transport)
    spool(client, transport, "1", "2", "bad", "3", "4")
    transport.script += [judge] * 1_000
    until(lambda: client.stats.replayed == 4)
    for number in range(3):
        spool(client, transport, f"later {number}")
        until(replayed(client, 5 + number))
    check(client, spooled=1, delivered=7, failed=0)
    delivered = Counter(name for sent in transport.sent if judge(sent) == 200 for name in events(sent))
    assert delivered == {**dict.fromkeys("1234", 1), **{f"later {number}": 2 for number in range(3)}}


def test_pieces_that_each_fail_once_do_not_add_up_their_waits(make: MakeClient) -> None:
    """The first is tried again before the last was tried at all, and its success has the others come sooner."""
    seen: set[str] = set()

    def judge(sent: Sent) -> int:
        if len(sent.messages) > 1:
            return 400
        name = events(sent)[0]
        return 200 if name in seen else (seen.add(name), 503)[1]

    transport = ScriptedTransport()
    client = make(transport=transport)
    spool(client, transport, *"1234")
    transport.script += [judge] * 100
    until(lambda: client.stats.replayed == 4)
    singles = [events(sent)[0] for sent in transport.sent if len(sent.messages) == 1]
    assert singles.index("1", 1) < singles.index("4")


def test_a_replay_waits_as_long_as_the_server_asks(make: MakeClient) -> None:
    """With any answer that is tried again, and although others are delivered meanwhile."""

    def judge(sent: Sent) -> requests.Response:
        return response(503, {"Retry-After": "300"}) if "bad" in events(sent) else response(200)

    transport = ScriptedTransport()
    client = make(transport=transport)
    spool(client, transport, "bad", *["more"] * 23, text=KILOBYTES_20)
    transport.script += [judge] * 1_000
    client.look()
    until(lambda: len(transport.sent) == 2)
    for number in range(3):
        track(client, "live")
        assert client.flush() is True
        spool(client, transport, "good")
        until(replayed(client, number + 1))
    assert [events(sent)[0] for sent in transport.sent].count("bad") == 2


def test_a_replay_counts_its_attempts(make: MakeClient) -> None:
    """As X-Retry-Count, from when it was read from disk."""
    transport = ScriptedTransport(503, 503, 503)
    client = make(transport=transport)
    track(client, "1")
    client.flush()
    until(replayed(client, 1))
    assert [sent.headers.get("X-Retry-Count") for sent in transport.sent] == [None, None, "1", "2"]


# When.


class Looking:
    """Replays of a directory, which say when a look is due."""

    def __init__(self, directory: Path) -> None:
        self.due = Event()
        home, logger, envelope = Home.here(), logging.getLogger("segment_gevent"), Envelope("write-key")
        buffer = Buffer(max_messages=1, max_bytes=1)
        fates = Fates(Counters(), Callbacks(), Reporter(home, logger, max_bytes=0), logger)
        self.store = Store(directory, "scope")
        self.replays = Replays(
            Storage(self.store, fates=fates, logger=logger),
            max_age=LONG,
            send_timeout=LONG,
            envelope=envelope,
            home=home,
            flights=Flights(buffer, envelope, max_in_flight=1),
            on_due=self.due.set,
        )


def test_the_look_comes_by_itself(directory: Path) -> None:
    """After something was put on disk, with nothing else to give a reason."""
    looking = Looking(directory)
    looking.replays.look_soon()
    assert looking.due.wait(SOON)


def test_a_look_that_was_put_off_comes_no_sooner(directory: Path) -> None:
    """A rate limit that came meanwhile is over when it comes."""
    looking = Looking(directory)
    looking.replays.look_soon()
    over = time.monotonic() + 1.0
    looking.replays.put_off(over)
    assert looking.due.wait(SOON)
    assert time.monotonic() >= over


def test_a_look_for_soon_waits_for_none_that_is_far(directory: Path) -> None:
    """What was put off for an hour may come at once when there is a reason."""
    looking = Looking(directory)
    looking.replays.back(Replay(Envelope("write-key")), asked=LONG)
    looking.replays.look_soon()
    assert looking.due.wait(SOON)


def test_others_files_are_taken_over_when_the_hub_turns_steadily(directory: Path) -> None:
    """Or when somebody asks for it; a look comes by itself then."""
    left = Store(directory, "scope")
    left.add([(0, b"{}")], owned=False)
    left.close()
    looking = Looking(directory)
    assert looking.replays.next() is None
    assert looking.due.wait(SOON)
    replay = looking.replays.next()
    assert replay is not None
    assert replay.of_mine == 0
    looking.store.close()


def test_what_was_given_back_is_not_sent(directory: Path) -> None:
    """It rested while the hub stopped, and is another's now that it turns again."""
    left = Store(directory, "scope")
    left.add([(0, b"{}")], owned=False)
    left.close()
    looking, other = Looking(directory), Store(directory, "scope")
    looking.replays.take_over_now()
    replay = looking.replays.next()
    assert replay is not None
    looking.replays.back(replay)
    looking.store.give_back()
    assert len(other.claim(1_000, 10)) == 1
    assert looking.due.wait(SOON)
    assert looking.replays.next() is None
    other.close()


def test_what_waits_on_disk_is_replayed_with_no_live_message_to_prompt_it(make: MakeClient) -> None:
    """The server works again, and nobody calls."""
    client = make(transport=ScriptedTransport(503, 503))
    track(client, "1")
    client.flush()
    until(lambda: client.stats.replayed == 1)
