"""Which lane is served when: full ones at once, others after a moment, those in trouble later."""

from __future__ import annotations

import time

import gevent

from segment_gevent.delivery.outbox.entry import Entry
from segment_gevent.relay.lanes import Lanes
from segment_gevent.relay.parcel import Address, Parcel, load_of
from segment_gevent.relay.received import Received

ONE, TWO = Address("one", "https://h"), Address("two", "https://h")


def put(lanes: Lanes, address: Address, *messages: bytes) -> None:
    lanes.put(address, load_of(Received(b"1-0", Entry("key", "https://h", list(messages), 0.0)), list(messages)))


def take(lanes: Lanes) -> Parcel | None:
    """A batch, if one is ready."""
    with gevent.Timeout(0.05, False):
        return lanes.take()
    return None


def test_a_message_waits_for_others() -> None:
    """Until the batch is full, or for `linger`."""
    lanes = Lanes(3_600)
    put(lanes, ONE, b"{}")
    assert take(lanes) is None
    put(lanes, ONE, *[b"{}"] * 2_499)
    parcel = take(lanes)
    assert parcel is not None
    assert len(parcel) == 2_500


def test_a_hurry_fills_no_more_batches() -> None:
    """At the end of a relay what is there goes."""
    lanes = Lanes(3_600)
    put(lanes, ONE, b"{}")
    waiter = gevent.spawn(lanes.take)
    gevent.sleep(0)
    lanes.hurry()
    assert len(waiter.get(timeout=5)) == 1


def test_a_held_lane_holds_up_no_other() -> None:
    """And is served when its time has come, what came back first."""
    clock = [time.monotonic() + 60]
    lanes = Lanes(0.0, lambda: clock[0])
    put(lanes, ONE, b"1")
    first = take(lanes)
    assert first is not None
    put(lanes, ONE, b"2")
    put(lanes, TWO, b"3")
    lanes.put_back([first])
    lanes[ONE].held_until = clock[0] + 60
    assert [lane.address for lane in lanes.held] == [ONE]
    other = take(lanes)
    assert other is not None
    assert (other.address, take(lanes)) == (TWO, None)
    clock[0] += 61
    assert take(lanes) is first
    assert len(lanes) == 1


def test_lanes_take_turns() -> None:
    """One that is always full leaves the others theirs."""
    lanes = Lanes(0.0)
    for _ in range(3):
        put(lanes, ONE, *[b"{}"] * 2_500)
        put(lanes, TWO, b"{}")
    addresses = []
    while (parcel := take(lanes)) is not None:
        addresses.append(parcel.address)
    assert addresses == [ONE, TWO, ONE, ONE]


def test_a_host_whose_turn_is_far_off_holds_up_no_other() -> None:
    """All lanes to it wait, which is no trouble of theirs."""
    clock = [time.monotonic() + 60]
    lanes = Lanes(0.0, lambda: clock[0])
    other = Address("one", "https://other")
    for address in (ONE, TWO, other):
        put(lanes, address, b"{}")
    lanes.defer("https://h", 30)
    parcel = take(lanes)
    assert parcel is not None
    assert (parcel.address, take(lanes), lanes.held) == (other, None, [])
    clock[0] += 31
    assert {parcel.address for parcel in (take(lanes), take(lanes)) if parcel is not None} == {ONE, TWO}
