"""One relay, or two, between a real Redis and the local Segment: what is sent, kept, claimed, given up and finished."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
from servers.local_segment import LocalSegment
from servers.ports import free_port
from servers.redis_server import RedisServer
from servers.relays import make_relay, running
from servers.segment_calls import message
from servers.spools import until

from segment_gevent import Options
from segment_gevent.delivery.outbox.entry import read
from segment_gevent.delivery.outbox.keys import GROUP, Keys
from segment_gevent.relay.carrier import Carrier
from segment_gevent.relay.lanes import FORGOTTEN_AFTER, Lanes
from segment_gevent.relay.letters import letters, requeue
from segment_gevent.relay.overview import look
from segment_gevent.relay.parcel import Address, load_of
from segment_gevent.relay.received import Letter, Received

Add = Callable[..., bytes]
KEYS = Keys("segment:outbox")


def numbers(server: LocalSegment) -> list[int]:
    """The numbers of what arrived, repeats and refused messages left out."""
    kept = [each["message"] for each in server.events() if each["valid"] and not each["duplicate"]]
    return sorted(int(each["messageId"][3:]) for each in kept)


def is_through(redis_server: RedisServer) -> Callable[[], bool]:
    """Whether nothing is in the stream any more."""
    client = redis_server.client()
    return lambda: not client.xlen(KEYS.stream)


def dead(redis_server: RedisServer) -> list[tuple[str, int]]:
    """The reasons of the dead letters, and their messages."""
    with redis_server.client() as client:
        return [(letter.reason, letter.messages) for letter in letters(client, KEYS)]


def test_many_hosts_entries_are_packed(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """A hundred entries of ten messages are one request; compressed, and taken off the stream once it is answered."""
    for number in range(100):
        add(*range(10 * number, 10 * number + 10), host=segment_server.url)
    with running(redis_server.url, linger=3_600) as relay:
        until(lambda: relay.counts.entries_read == 100)
    assert numbers(segment_server) == list(range(1_000))
    (request,) = segment_server.requests()
    assert (request["encoding"], request["count"]) == ("gzip", 1_000)
    assert (relay.counts.delivered, relay.counts.entries_finished, relay.counts.requests["200"]) == (1_000, 100, 1)
    with redis_server.client() as client:
        seen = look(client, KEYS)
    assert (seen.length, seen.pending, seen.lag, seen.dead, seen.delivered, seen.consumers) == (0, 0, 0, 0, 1_000, ())


def test_keys_and_hosts_share_a_stream(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """Each key has requests of its own, at the host that its client named."""
    with LocalSegment() as other:
        for number in range(10):
            add(number, host=segment_server.url, write_key="one")
            add(100 + number, host=segment_server.url, write_key="two")
            add(200 + number, host=other.url, write_key="one")
        with running(redis_server.url, linger=0.5):
            until(is_through(redis_server))
        assert numbers(segment_server) == [*range(10), *range(100, 110)]
        assert numbers(other) == [*range(200, 210)]
        assert (len(segment_server.requests()), len(other.requests())) == (2, 1)


def test_a_host_goes_over_the_recorded_one(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """`--host` sends everything there."""
    add(1, host="https://elsewhere.invalid")
    with running(redis_server.url, host=segment_server.url):
        until(is_through(redis_server))
    assert numbers(segment_server) == [1]


def test_entries_are_finished_after_the_answer(
    redis_server: RedisServer, add: Add, segment_server: LocalSegment
) -> None:
    """While a request is under way they are pending, and with this relay."""
    segment_server.faults([{"hold": True}])
    add(1, host=segment_server.url)
    with running(redis_server.url) as relay, redis_server.client() as client:
        until(lambda: segment_server.summary()["total"])
        seen = look(client, KEYS)
        assert (seen.length, seen.pending, seen.lag) == (1, 1, 0)
        assert [consumer.name for consumer in seen.consumers if consumer.pending] == [relay.group.name]
        segment_server.release()
        until(is_through(redis_server))
    assert numbers(segment_server) == [1]


def test_a_dead_relays_entries_are_claimed(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """After `claim_after` without a sign of life."""
    for number in range(30):
        add(number, host=segment_server.url)
    died = make_relay(redis_server.url)
    died.group.create()
    assert len(died.group.read(20, 1)) == 20
    with running(redis_server.url, claim_after=0.3) as relay:
        until(is_through(redis_server))
        assert relay.counts.entries_claimed >= 20
        until(lambda: relay.group.sweep(0) or died.group.name not in names(redis_server))
    assert numbers(segment_server) == list(range(30))


def names(redis_server: RedisServer) -> set[str]:
    with redis_server.client() as client:
        return {consumer.name for consumer in look(client, KEYS).consumers}


def has_lived(redis_server: RedisServer, times: int) -> Callable[[], bool]:
    """Whether the one who has the only entry said so many times that it lives."""
    client = redis_server.client()
    idle: list[int] = []

    def has() -> bool:
        (pending,) = client.xpending_range(KEYS.stream, GROUP, "-", "+", 1)
        idle.append(pending["time_since_delivered"])
        return sum(later < earlier for earlier, later in pairwise(idle)) >= times

    return has


def test_a_slow_relay_keeps_its_entries(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """A request that takes longer than `claim_after` is nobody else's: each relay says that it lives."""
    segment_server.faults([{"hold": True}])
    add(1, host=segment_server.url)
    with running(redis_server.url, claim_after=3) as slow:
        until(lambda: segment_server.summary()["total"])
        with running(redis_server.url, claim_after=3) as other:
            until(has_lived(redis_server, 4))  # a third of `claim_after` each
            assert other.counts.entries_claimed == 0
            assert slow.counts.entries_lost == 0
            segment_server.release()
            until(is_through(redis_server))
    assert segment_server.summary()["duplicates"] == 0


def test_a_relay_that_stood_still_lets_go_of_what_others_claimed(
    redis_server: RedisServer, add: Add, segment_server: LocalSegment
) -> None:
    """It sees that they are another's, and does not send them once more."""
    segment_server.faults([{"status": 503, "times": 1, "headers": {"Retry-After": "300"}}])
    entry_id = add(1, host=segment_server.url)
    with running(redis_server.url, claim_after=0.6) as relay, redis_server.client() as client:
        until(lambda: relay.counts.requests["503"])
        assert not relay.counts.entries_lost
        # Again and again, for one that were idle for long would be claimed back.
        until(lambda: client.xclaim(KEYS.stream, GROUP, "other", 0, [entry_id]) and relay.counts.entries_lost == 1)


def test_one_bad_message_costs_no_other(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """It is searched for, and becomes a dead letter with the server's reason; requeued, it is an entry again."""
    for number in range(50):
        add(number, host=segment_server.url)
    add(host=segment_server.url, messages=[message(50), message(51, event=None), message(52)])
    with running(redis_server.url, linger=0.3) as relay:
        until(is_through(redis_server))
    assert numbers(segment_server) == [*range(51), 52]
    ((reason, count),) = dead(redis_server)
    assert (count, relay.counts.dead, relay.counts.delivered) == (1, 1, 52)
    assert reason.startswith("the server answered 400")
    with redis_server.client() as client:
        (letter,) = letters(client, KEYS)
        assert b"id-51" in letter.fields[b"b"]
        assert requeue(client, KEYS, letter)
        assert not requeue(client, KEYS, letter)
        assert (client.xlen(KEYS.dead), client.xlen(KEYS.stream)) == (0, 1)


def test_what_is_finished_twice_counts_once(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """A relay asks again where Redis did it and its answer was lost: there were two dead letters of one message."""
    relay = make_relay(redis_server.url)
    relay.group.create()
    add(1, host=segment_server.url)
    ((entry_id, raw),) = relay.group.read(1, 1)
    received = Received(entry_id, read(raw))
    received.letters.append(Letter("refused", {"n": "1", "reason": "refused"}, 1))
    for _ in range(2):
        relay.group.finish([received], delivered=3)
    assert dead(redis_server) == [("refused", 1)]
    with redis_server.client() as client:
        assert client.hgetall(KEYS.counts) == {b"delivered": b"3", b"dead": b"1", b"entries": b"1"}


def test_one_clients_bad_messages_cost_no_other_client(
    redis_server: RedisServer, add: Add, segment_server: LocalSegment
) -> None:
    """However many they are: each entry has a search of its own."""
    for number in range(0, 1_000, 10):
        wrong = {"event": None} if number % 80 == 0 else {}
        add(host=segment_server.url, messages=[message(each, **wrong) for each in range(number, number + 10)])
    with running(redis_server.url, linger=0.3, rate=10_000):
        until(is_through(redis_server))
    assert len(numbers(segment_server)) == 870
    assert sum(count for _, count in dead(redis_server)) == 130


@pytest.mark.parametrize("why", ["paused", "its turn is far off"])
def test_a_limited_host_holds_up_no_other(
    redis_server: RedisServer, add: Add, segment_server: LocalSegment, why: str
) -> None:
    """Not even of a single worker."""
    with LocalSegment() as limited, redis_server.client() as client:
        if why == "paused":
            client.set(KEYS.pause(limited.url), 1, px=3_600_000)
        else:
            now, _ = client.time()
            client.set(KEYS.rate(limited.url), (now + 3_600) * 1_000_000)
        for number in range(20):
            add(number, host=limited.url, write_key=str(number % 2))
        with running(redis_server.url, workers=1, stop_within=0.1) as relay:
            until(lambda: len(relay.hand.held) == 20)
            add(20, host=segment_server.url)
            until(lambda: numbers(segment_server) == [20])
        assert limited.requests() == []


def test_what_is_handed_out_too_often_is_a_dead_letter(
    redis_server: RedisServer, add: Add, segment_server: LocalSegment
) -> None:
    """It may be what kills the relays."""
    entry_id = add(1, host=segment_server.url)
    relay = make_relay(redis_server.url)
    relay.group.create()
    relay.group.read(1, 1)
    for _ in range(3):
        relay.group.claim(0, 10, "0-0")
    with running(redis_server.url, claim_after=0.1, max_deliveries=3):
        until(is_through(redis_server))
    assert dead(redis_server) == [("handed out 5 times, and never finished", 1)]
    with redis_server.client() as client:
        (letter,) = letters(client, KEYS)
        assert letter.fields[b"from"] == entry_id
    assert segment_server.summary()["total"] == 0


def test_deliveries_are_known_of_each_entry_that_is_claimed(redis_server: RedisServer) -> None:
    """Also where this relay has a thousand others between them: one that kills relays would not be given up."""
    dying, relay = make_relay(redis_server.url).group, make_relay(redis_server.url).group
    relay.create()
    with redis_server.client() as client:
        ids = [client.xadd(KEYS.stream, {"n": "1"}) for _ in range(1_200)]
    dying.read(1, 1)
    relay.read(1_198, 1)
    dying.read(1, 1)
    for each in (ids[0], ids[-1]):
        relay.claim(0, 1, each.decode())
    deliveries = relay.deliveries(ids[0], ids[-1])
    assert (deliveries[ids[0]], deliveries[ids[-1]]) == (2, 2)


def test_what_is_no_entry_is_a_dead_letter(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """Whatever anybody adds to the stream holds up nothing."""
    with redis_server.client() as client:
        client.xadd(KEYS.stream, {"what": "ever"})
    add(1, host=segment_server.url)
    with running(redis_server.url):
        until(is_through(redis_server))
    assert numbers(segment_server) == [1]
    assert dead(redis_server) == [("the entry cannot be read: its version is unknown", 0)]


@pytest.mark.parametrize(
    "strange",
    [
        {"n": "9" * 30},
        {"n": "9" * 5_000},
        {"t": "9" * 400},
        {"v": "0", **{f"field {number}": "" for number in range(10_000)}},
    ],
    ids=[
        "more messages than 64 bits",
        "more than Python reads",
        "a time past floats",
        "more fields than a script takes",
    ],
)
def test_an_entry_with_strange_numbers_is_a_dead_letter(
    redis_server: RedisServer, add: Add, segment_server: LocalSegment, strange: dict[str, str]
) -> None:
    """It ended each relay that got it, or had Redis refuse for ever what takes entries off the stream."""
    form = {"v": "1", "k": "key", "h": segment_server.url, "n": "1", "e": "identity", "t": "1000", "b": "{}"}
    with redis_server.client() as client:
        client.xadd(KEYS.stream, {**form, **strange})  # type: ignore[arg-type]
        add(1, host=segment_server.url)
        with running(redis_server.url, stop_within=1.0):
            until(is_through(redis_server))
        ((reason, _),) = dead(redis_server)
        assert reason.startswith("the entry cannot be read: ")
        assert look(client, KEYS).died == 1
    assert numbers(segment_server) == [1]


def test_a_refused_key_holds_up_no_other(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """It is tried again, later and later, and given up after `max_deliveries`: those letters wait for a better key."""
    with LocalSegment() as other:
        other.faults([{"status": 401, "times": None}])
        add(1, host=other.url)
        add(2, host=segment_server.url)
        with running(redis_server.url, max_deliveries=3) as relay:
            until(lambda: numbers(segment_server) == [2])
            until(is_through(redis_server))
    assert relay.counts.requests["401"] == 3
    ((reason, count),) = dead(redis_server)
    assert (reason.startswith("the server answered 401 Unauthorized"), count) == (True, 1)


def test_only_refusals_count_as_refusals(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """After an outage a first 401 makes no dead letter of what was tried so often meanwhile."""
    segment_server.faults([{"status": 503, "times": 2}, {"status": 401}])
    add(1, host=segment_server.url)
    with running(redis_server.url, max_deliveries=2):
        until(is_through(redis_server))
    assert (numbers(segment_server), dead(redis_server)) == ([1], [])


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": "before"}, {"drop": "after"}])
def test_what_may_fare_better_is_tried_again(
    redis_server: RedisServer, add: Add, segment_server: LocalSegment, fault: dict[str, Any]
) -> None:
    """As a client does, and without an end: the stream waits."""
    segment_server.faults([{**fault, "times": 2}])
    add(1, host=segment_server.url)
    with running(redis_server.url, max_deliveries=1):
        until(is_through(redis_server))
    assert numbers(segment_server) == [1]
    assert dead(redis_server) == []


def test_a_rate_limit_is_every_relays(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """After a 429 none of them sends before `Retry-After` is over."""
    segment_server.faults([{"status": 429, "headers": {"Retry-After": "1"}}])
    add(1, host=segment_server.url)
    with redis_server.client() as client, running(redis_server.url) as one, running(redis_server.url):
        until(lambda: client.exists(KEYS.pause(segment_server.url)))
        for number in range(2, 40):
            add(number, host=segment_server.url)
        until(is_through(redis_server))
        assert one.counts.paused in {0.0, 1.0}
    first, second, *_ = (datetime.fromisoformat(each["receivedAt"][:-1]) for each in segment_server.requests())
    assert second - first >= timedelta(seconds=1)
    assert numbers(segment_server) == list(range(1, 40))


def test_past_its_bound_the_oldest_go_and_are_counted(
    redis_server: RedisServer, add: Add, segment_server: LocalSegment
) -> None:
    """With `max_entries`; to the message."""
    for number in range(30):
        add(2 * number, 2 * number + 1, host=segment_server.url)
    relay = make_relay(redis_server.url)
    relay.group.create()
    assert relay.group.trim(10) == 40
    with redis_server.client() as client:
        seen = look(client, KEYS)
    assert (seen.length, seen.trimmed) == (10, 40)
    with running(redis_server.url, max_entries=10):
        until(is_through(redis_server))
    assert numbers(segment_server) == list(range(40, 60))


@pytest.mark.parametrize("said", ["9" * 30, "1.5", "nan", "-7", "many"])
def test_a_bound_holds_whatever_an_entry_says_of_itself(redis_server: RedisServer, said: str) -> None:
    """Redis counts no fraction, and nothing past 64 bits: it refused to trim the stream ever again."""
    relay = make_relay(redis_server.url)
    relay.group.create()
    with redis_server.client() as client:
        for count in (said, "2", "2"):
            client.xadd(KEYS.stream, {"n": count})
        assert relay.group.trim(1) in {2, 3}
        assert client.xlen(KEYS.stream) == 1


def test_dead_letters_have_a_bound(redis_server: RedisServer, add: Add) -> None:
    """Of their own, counted apart."""
    with redis_server.client() as client:
        for _ in range(250):
            client.xadd(KEYS.dead, {"n": "2"})
        with running(redis_server.url, max_dead=10, claim_after=0.3):
            until(lambda: client.xlen(KEYS.dead) == 10)
        assert client.hgetall(KEYS.counts) == {b"dead_trimmed": b"480"}


def test_requeueing_ends_beside_a_relay_that_buries(
    redis_server: RedisServer, add: Add, segment_server: LocalSegment
) -> None:
    """What is a dead letter once more meanwhile is not taken for one of those that were there."""
    for _ in range(300):
        add(host=segment_server.url, messages=[message(1, event=None)])
    with running(redis_server.url, linger=0.0, rate=10_000), redis_server.client() as client:
        until(is_through(redis_server))
        requeued = sum(requeue(client, KEYS, letter) for letter in letters(client, KEYS))
        assert requeued == 300
        until(is_through(redis_server))
    assert len(dead(redis_server)) == 300


def test_a_letter_of_no_entry_stays_one(redis_server: RedisServer) -> None:
    """Requeueing goes on behind it: it was gone with an error, and those behind it were left."""
    with redis_server.client() as client:
        client.xadd(KEYS.dead, {"reason": "refused", "from": "1-1"})
        client.xadd(KEYS.dead, {"reason": "refused", "n": "1"})
        assert [requeue(client, KEYS, letter) for letter in letters(client, KEYS)] == [False, True]
        assert client.xlen(KEYS.dead) == 1


def test_keys_and_hosts_are_let_go_of(segment_server: LocalSegment) -> None:
    """A stream may name any number of them; those that nothing comes for are nothing to the relay."""
    clock = [time.monotonic() + 60]
    lanes = Lanes(0.0, lambda: clock[0])
    carrier = Carrier(Options(enabled=False), logging.getLogger("segment_gevent"))
    one, two = (Address(key, segment_server.url) for key in ("one", "two"))
    for address in (one, two):
        lanes.put(address, load_of(Received(b"1-0", None), [orjson.dumps(message(1))]))
        assert carrier.send(lanes.take()).is_delivered
    clock[0] += FORGOTTEN_AFTER / 2
    lanes.put(two, load_of(Received(b"2-0", None), [b"{}"]))
    clock[0] += FORGOTTEN_AFTER
    lanes.forget_idle()
    carrier.keep_only([lane.address for lane in lanes])
    assert ([lane.address for lane in lanes], carrier.addresses) == ([two], {two})
    carrier.close()


def test_a_host_in_trouble_does_not_fill_the_memory(
    redis_server: RedisServer, add: Add, segment_server: LocalSegment
) -> None:
    """Past half of `max_bytes` its entries are put aside in the stream, uncounted, and others pass."""
    text = "x" * 30_000

    def three(first: int) -> list[dict[str, Any]]:
        return [message(number, properties={"text": text}) for number in range(first, first + 3)]

    with LocalSegment() as other:
        other.faults([{"status": 503, "headers": {"Retry-After": "2"}}])
        for number in range(0, 90, 3):
            add(host=other.url, messages=three(number))
        for number in range(100, 130, 3):
            add(host=segment_server.url, messages=three(number))
        with running(redis_server.url, max_bytes=2_000_000, claim_after=0.5, max_deliveries=3, workers=2) as relay:
            until(lambda: numbers(segment_server) == list(range(100, 130)))
            assert relay.counts.entries_parked
            until(is_through(redis_server))
        assert numbers(other) == list(range(90))
    assert dead(redis_server) == []


def test_a_relay_without_a_stream_makes_one(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """It may come first; and who deletes the stream under it has a new one."""
    with running(redis_server.url), redis_server.client() as client:
        until(lambda: client.exists(KEYS.stream))
        client.delete(KEYS.stream)
        add(1, host=segment_server.url)
        until(lambda: numbers(segment_server) == [1])


def test_a_stopped_relay_leaves_no_consumer(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """What it had in hand it has sent."""
    for number in range(500):
        add(number, host=segment_server.url)
    with running(redis_server.url, linger=3_600) as relay:
        until(lambda: relay.counts.entries_read == 500)
    assert numbers(segment_server) == list(range(500))
    assert names(redis_server) == set()


def test_what_a_stopped_relay_could_not_send_is_claimed_at_once(
    redis_server: RedisServer, add: Add, segment_server: LocalSegment
) -> None:
    """It is handed over, however long `claim_after` is; and not counted as handed out too often."""
    segment_server.faults([{"status": 503, "times": 1, "headers": {"Retry-After": "300"}}])
    add(1, host=segment_server.url)
    with running(redis_server.url, claim_after=3_600) as relay:
        until(lambda: relay.counts.requests["503"])
    with running(redis_server.url, claim_after=3_600):
        until(is_through(redis_server))
    assert numbers(segment_server) == [1]


def test_a_stop_is_bounded(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """A silent Segment holds it up for `stop_within`, and the second signal not even so long."""
    segment_server.faults([{"hold": True, "times": 2}])
    for seconds in (0.2, 3_600):
        add(1, host=segment_server.url)
        with running(redis_server.url, stop_within=seconds) as relay:
            until(lambda: relay.counts.bytes_sent)
            relay.stop()
    with redis_server.client() as client:
        assert look(client, KEYS).pending


def test_a_stop_is_bounded_while_redis_is_away(tmp_path: Path) -> None:
    """Whichever part of it is waiting for Redis then, and also where the relay never met one."""
    with running(f"redis://127.0.0.1:{free_port()}", stop_within=0.2):
        pass
    with RedisServer(tmp_path / "redis") as server, running(server.url, stop_within=0.2, claim_after=0.1) as relay:
        until(lambda: relay.persistence.answered_at)
        server.kill()


def test_a_full_redis_is_emptied(redis_server: RedisServer, add: Add, segment_server: LocalSegment) -> None:
    """At `maxmemory` nobody may add; relays begin, send, free, keep to rate limits and bury what is bad."""
    for number in range(20):
        add(number, host=segment_server.url)
    add(host=segment_server.url, messages=[message(20, event=None)])
    segment_server.faults([{"status": 429, "headers": {"Retry-After": "0.1"}}])
    with redis_server.client() as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            add(30, host=segment_server.url)
        with running(redis_server.url):
            until(is_through(redis_server))
        client.config_set("maxmemory", 0)
    assert numbers(segment_server) == list(range(20))
    assert [messages for _, messages in dead(redis_server)] == [1]
    add(30, host=segment_server.url)
