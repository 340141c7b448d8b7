"""A parcel keeps within a request's limits, and its messages know their entries through every division."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from segment_gevent.delivery.outbox.entry import Entry
from segment_gevent.events.batch import BATCH_BYTES, BATCH_MESSAGES, Envelope
from segment_gevent.relay.lanes import Lane
from segment_gevent.relay.parcel import Address, Parcel, load_of
from segment_gevent.relay.received import Received

ADDRESS = Address("key", "https://h")
STAMP = "2026-11-23T15:19:40.388Z"


def received(number: int, messages: list[bytes]) -> Received:
    return Received(f"{number}-0".encode(), Entry("key", "https://h", messages, 0.0))


def parcels(entries: list[list[bytes]]) -> tuple[list[Received], list[Parcel]]:
    """What a lane makes of entries."""
    lane = Lane(ADDRESS)
    owners = [received(number, messages) for number, messages in enumerate(entries)]
    for owner, messages in zip(owners, entries, strict=True):
        lane.put(load_of(owner, messages))
    made = []
    while (parcel := lane.take()) is not None:
        made.append(parcel)
    assert (len(lane), lane.size) == (0, 0)
    return owners, made


@given(st.lists(st.lists(st.integers(1, 32_000), min_size=1, max_size=60), max_size=30))
def test_every_message_goes_once_and_in_order_within_the_limits(sizes: list[list[int]]) -> None:
    """Whatever entries come; the size that a parcel says is its body's, to the byte."""
    entries = [[b"x" * size for size in each] for each in sizes]
    owners, made = parcels(entries)
    assert [message for parcel in made for message in parcel.messages] == [m for each in entries for m in each]
    for parcel in made:
        assert len(parcel.body(STAMP)) == parcel.size <= BATCH_BYTES
        assert len(parcel) <= BATCH_MESSAGES
        assert [m for load in parcel.loads for m in load.messages] == parcel.messages
    told = dict.fromkeys(owners, 0)
    for load in (load for parcel in made for load in parcel.loads):
        told[load.owner] += len(load.messages)
    assert [told[owner] for owner in owners] == [owner.left for owner in owners]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20).filter(lambda counts: sum(counts) > 1))
def test_a_parcel_falls_into_halves(counts: list[int]) -> None:
    """Each half has its messages with their entries; only those of one entry share the search for a bad one."""
    parcel = Parcel(ADDRESS, Envelope("key"))
    for number, count in enumerate(counts):
        messages = [b"%d.%d" % (number, each) for each in range(count)]
        parcel.put(load_of(received(number, messages), messages))
    first, second = parcel.halves()
    assert isinstance(first, Parcel)
    assert isinstance(second, Parcel)
    assert first.messages + second.messages == parcel.messages
    if len(counts) == 1:
        assert len(second) - len(first) in {0, 1}
        assert first.search is second.search is parcel.search
    else:
        assert len(second.loads) - len(first.loads) in {0, 1}
        assert [load.owner for half in (first, second) for load in half.loads] == [load.owner for load in parcel.loads]
        assert len({first.search, second.search, parcel.search}) == 3
    for half in (first, second):
        assert len(half.body(STAMP)) == half.size
        for load in half.loads:
            assert {message.split(b".")[0] for message in load.messages} == {load.owner.id.split(b"-")[0]}


def test_batches_are_full() -> None:
    """Many small entries make requests of 2,500 messages, many large ones of nearly 500 KB."""
    _, small = parcels([[b"{}"] * 10] * 1_000)
    assert [len(parcel) for parcel in small] == [BATCH_MESSAGES] * 4
    _, large = parcels([[b"x" * 1_000] * 50] * 40)
    assert len(large) <= 5


def test_an_entry_that_nearly_fits_is_not_cut() -> None:
    """A batch that is full enough goes, so that few entries wait for two requests."""
    _, made = parcels([[b"x" * 30_000] * 14, [b"x" * 30_000] * 14])
    assert [len(parcel) for parcel in made] == [14, 14]


def test_a_lane_sheds_whole_entries_from_its_end() -> None:
    """What is under way in part stays."""
    lane = Lane(ADDRESS)
    owners = [received(number, [b"x" * 100_000] * 3) for number in range(4)]
    for owner in owners:
        lane.put(load_of(owner, [b"x" * 100_000] * 3))
    assert lane.take() is not None  # of the first two, four messages
    assert lane.shed(0) == [owners[3], owners[2]]
    assert len(lane) == 2
    assert lane.size == 200_002


def test_what_another_relay_has_is_not_sent() -> None:
    """Messages that wait go with their entry."""
    lane = Lane(ADDRESS)
    owners = [received(number, [b"{}"]) for number in range(3)]
    for owner in owners:
        lane.put(load_of(owner, [b"{}"]))
    owners[1].is_lost = True
    parcel = lane.take()
    assert parcel is not None
    assert [load.owner for load in parcel.loads] == [owners[0], owners[2]]
    owner = received(9, [b"{}"])
    owner.is_lost = True
    lane.put(load_of(owner, [b"{}"]))
    assert lane.take() is None
