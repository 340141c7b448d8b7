"""What is under way: who carries it, what goes next, and what has its fate, by ordinals."""

from __future__ import annotations

import os

import gevent
import pytest

from segment_gevent.delivery.buffer import Buffer
from segment_gevent.delivery.flights import Flight, Flights
from segment_gevent.events.batch import BATCH_MESSAGES, Envelope


class Taking:
    """Flights over a buffer of so many messages, b"0", b"1" and so on."""

    def __init__(self, messages: int = 0, *, max_in_flight: int = 1) -> None:
        self.buffer = Buffer(max_messages=10_000, max_bytes=10_000_000)
        self.flights = Flights(self.buffer, Envelope("key"), max_in_flight=max_in_flight)
        self.put(messages)

    def put(self, messages: int) -> None:
        for _ in range(messages):
            assert self.buffer.put(b"%d" % self.buffer.accepted, 1.0)

    def next(self) -> Flight:
        flight = self.flights.next()
        assert flight is not None
        return flight


def contents(flights: list[Flight]) -> list[list[int]]:
    return [[int(message) for message in flight.messages] for flight in flights]


def test_a_flight_takes_what_waits_up_to_a_batch() -> None:
    """In order; it knows the ordinal of its first message."""
    taking = Taking(BATCH_MESSAGES + 2, max_in_flight=2)
    first, second = taking.next(), taking.next()
    assert (first.first, len(first)) == (0, BATCH_MESSAGES)
    assert (second.first, contents([second])) == (BATCH_MESSAGES, [[BATCH_MESSAGES, BATCH_MESSAGES + 1]])
    assert taking.flights.next() is None


def test_no_more_are_in_flight_than_allowed() -> None:
    """Who asks then gets none, unless it is for the disk; and there is room when one is done."""
    taking = Taking(3)
    flight = taking.next()
    taking.put(1)
    assert taking.flights.next() is None
    extra = taking.flights.next(is_extra=True)
    assert extra is not None
    assert contents([extra]) == [[3]]
    for each in (flight, extra):
        assert taking.flights.claim(each)
        taking.flights.done(each)
    taking.put(1)
    assert contents([taking.next()]) == [[4]]


def test_what_comes_back_goes_first_and_in_order() -> None:
    """Before all that waits, with the attempts that it had."""
    taking = Taking(1, max_in_flight=2)
    first = taking.next()
    taking.put(1)
    second = taking.next()
    taking.put(1)
    second.attempts = 3
    assert taking.flights.give_back(second)
    assert taking.flights.give_back(first)
    assert [taking.next() for _ in range(2)] == [first, second]
    assert second.attempts == 3
    taking.flights.give_back(first)
    taking.flights.give_back(second)
    assert taking.next() is first


def test_an_extra_flight_takes_nothing_that_came_back() -> None:
    """That one has been tried, and belongs to the sender."""
    taking = Taking(2)
    taking.flights.give_back(taking.next())
    assert taking.flights.next(is_extra=True) is None
    taking.put(1)
    extra = taking.flights.next(is_extra=True)
    assert extra is not None
    assert contents([extra]) == [[2]]


def test_everything_before_the_oldest_under_way_is_settled() -> None:
    """In whatever order they end."""
    taking = Taking(0, max_in_flight=3)
    flights = []
    for _ in range(3):
        taking.put(2)
        flights.append(taking.next())
    settled = [taking.flights.settled]
    for number in (1, 0, 2):
        assert taking.flights.claim(flights[number])
        settled.append(taking.flights.settled)  # claimed, but its callbacks are still to run
        taking.flights.done(flights[number])
        settled.append(taking.flights.settled)
    assert settled == [0, 0, 0, 0, 4, 4, 6]
    assert not taking.flights


def test_a_flight_is_settled_once() -> None:
    """Of several who sent it one gets the claim; one that came back, or is done, has none."""
    taking = Taking(1)
    flight = taking.next()
    assert [taking.flights.claim(flight) for _ in range(2)] == [True, False]
    assert taking.flights.give_back(flight) is False
    taking.flights.done(flight)
    assert taking.flights.claim(flight) is False
    taking.put(1)
    flight = taking.next()
    taking.flights.give_back(flight)
    assert taking.flights.claim(flight) is False


@pytest.mark.parametrize("messages", [2, 3, 7])
def test_halves_hold_the_same_messages(messages: int) -> None:
    """Each knows its own first ordinal; both count on in the same search, and have not been sent."""
    taking = Taking(5 + messages, max_in_flight=2)
    for _ in range(5):
        taking.flights.drop_oldest()
    whole = taking.next()
    whole.attempts, whole.retries = 4, 2
    halves = whole.halves()
    assert [*contents(halves)[0], *contents(halves)[1]] == list(range(5, 5 + messages))
    assert all(half.first == contents([half])[0][0] for half in halves)
    assert all(half.search is whole.search for half in halves)
    assert [(half.attempts, half.retries, half.since) for half in halves] == [(0, 0, whole.since)] * 2
    taking.put(1)
    taking.flights.give_back(whole, halves)
    assert [taking.next() for _ in range(2)] == halves
    assert taking.flights.settled == 5


def test_the_pending_are_what_has_no_fate() -> None:
    """Waiting, in flight or come back, each with its ordinal, from any ordinal on."""
    taking = Taking(2, max_in_flight=2)
    claimed = taking.next()
    taking.put(2)
    back = taking.next()
    taking.flights.give_back(back)
    taking.put(1)
    assert taking.flights.pending_from(0) == ([(n, b"%d" % n) for n in range(5)], 5)
    taking.flights.claim(claimed)
    assert taking.flights.pending_from(0) == ([(n, b"%d" % n) for n in (2, 3, 4)], 5)
    assert taking.flights.pending_from(3) == ([(3, b"3"), (4, b"4")], 5)
    assert taking.flights.pending_from(5) == ([], 5)


def test_the_oldest_that_waits_can_be_dropped() -> None:
    """Not one that is in flight; none where none waits."""
    taking = Taking(1)
    taking.next()
    taking.put(2)
    assert [taking.flights.drop_oldest() for _ in range(3)] == [b"1", b"2", None]
    assert taking.flights.settled == 0


def test_what_nobody_carries_any_more_is_taken_back() -> None:
    """Its greenlet was ended between any two steps; what another carries stays with that one."""
    taking = Taking(1, max_in_flight=2)
    lost = gevent.spawn(taking.next).get(timeout=10)
    taking.put(1)
    mine = taking.next()
    assert taking.flights.take_back() is True
    assert (taking.flights.returned, taking.flights.out) == ([lost], [mine])
    assert taking.flights.take_back() is False
    assert taking.flights.take_back(gevent.getcurrent()) is True
    assert taking.flights.returned == [lost, mine]


def test_a_settled_flight_is_not_taken_back() -> None:
    """Its carrier ended after the claim: it has its fate, and leaves."""
    taking = Taking(1)

    def carry() -> None:
        assert taking.flights.claim(taking.next())

    gevent.spawn(carry).join(10)
    assert taking.flights.take_back() is True
    assert (taking.flights.returned, taking.flights.out, taking.flights.settled) == ([], [], 1)


def test_everything_can_be_seized() -> None:
    """For a hub that turns no more: whoever carries it there will not settle it."""
    taking = Taking(1, max_in_flight=2)
    first = taking.next()
    taking.put(1)
    second = taking.next()
    taking.flights.claim(second)
    assert taking.flights.seize() is True
    assert (taking.flights.returned, taking.flights.out) == ([first], [second])
    assert taking.flights.seize() is False
    assert taking.flights.claim(first) is False


def test_the_end_hands_out_all_that_is_pending() -> None:
    """Come back, in flight and waiting, in order, each once; afterwards nobody claims or gets anything."""
    taking = Taking(1, max_in_flight=3)
    claimed = taking.next()
    taking.put(1)
    back = taking.next()
    taking.put(1)
    carried = taking.next()
    taking.flights.give_back(back)
    taking.put(2)
    assert taking.flights.claim(claimed)
    assert contents(taking.flights.stop()) == [[1], [2], [3, 4]]
    assert taking.flights.is_over
    assert taking.flights.claim(carried) is False
    assert taking.flights.give_back(carried) is False
    taking.flights.done(claimed)
    assert not taking.flights
    assert taking.flights.stop() == []


def test_a_child_owns_nothing_of_it() -> None:
    """And takes no lock to know: the thread that held it may be no more."""
    taking = Taking(1)
    flight = taking.next()
    assert taking.flights.is_ours
    pid = os.fork()
    if pid == 0:
        flights = taking.flights
        held = (flights.is_ours, flights.claim(flight), flights.give_back(flight), flights.take_back())
        flights.forget()
        os._exit(0 if held == (False,) * 4 and not flights else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert taking.flights.claim(flight)
