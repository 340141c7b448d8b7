"""Faults are read strictly and used up one by one."""

import pytest

from segment_gevent.debugger.faults import MAX_FAULTS, Fault, FaultError, Faults, parse_faults


def test_faults_are_used_in_their_order() -> None:
    """One a request, then none."""
    faults = Faults()
    faults.replace(parse_faults([{"status": 429}, {"drop": "after"}]))
    assert faults.take() == Fault(status=429)
    assert faults.take() == Fault(drop="after")
    assert faults.take() is None


def test_new_faults_replace_those_that_wait() -> None:
    """What was asked for earlier is forgotten."""
    faults = Faults()
    faults.replace(parse_faults([{"status": 429}]))
    faults.replace([])
    assert faults.take() is None


def test_a_fault_may_hit_several_requests() -> None:
    """So many, or all until it is taken away; what is left of it can be read."""
    faults = Faults()
    faults.replace(parse_faults([{"status": 429, "times": 2}]))
    faults.add(parse_faults([{"status": 500, "times": None}]))
    assert [taken.status for taken in (faults.take(), faults.take(), faults.take()) if taken] == [429, 429, 500]
    assert [fault.as_dict() for fault in faults] == [{"status": 500, "times": None}]
    faults.replace(parse_faults([{"status": 429, "times": 3}]))
    faults.take()
    assert [fault.as_dict() for fault in faults] == [{"status": 429, "times": 2}]


def test_a_fault_may_hit_a_share_of_the_requests() -> None:
    """The others go well, and use nothing of it up."""
    draws = iter([0.3, 0.29, 0.9, 0.0])
    faults = Faults(lambda: next(draws))
    faults.replace(parse_faults([{"status": 500, "share": 0.3, "times": 2}]))
    assert [taken and taken.status for taken in (faults.take() for _ in range(4))] == [None, 500, None, 500]
    assert len(faults) == 0


def test_too_many_faults_are_refused() -> None:
    """At once or bit by bit."""
    faults = Faults()
    faults.replace([Fault(status=500)] * MAX_FAULTS)
    with pytest.raises(FaultError, match="at most"):
        faults.add([Fault(status=500)])
    with pytest.raises(FaultError, match="at most"):
        parse_faults([{}] * (MAX_FAULTS + 1))


@pytest.mark.parametrize(
    ("fault", "takes"),
    [
        ({}, True),
        ({"delay": 0.1}, True),
        ({"hold": True}, True),
        ({"status": 202}, True),
        ({"status": 302}, False),
        ({"status": 500}, False),
        ({"drop": "before"}, False),
        ({"drop": "after"}, True),
    ],
)
def test_which_faults_take_the_messages(fault: dict[str, object], takes: bool) -> None:
    """A refused request took nothing; a slow, held or half-lost answer tells of messages that were taken."""
    assert Fault.parse(fault).takes is takes


@pytest.mark.parametrize(
    "fault",
    [
        7,
        {"colour": "red"},
        {"status": 99},
        {"status": "429"},
        {"status": True},
        {"delay": -1},
        {"delay": 1e9},
        {"drop": "never"},
        {"hold": 1},
        {"headers": {"X": 1}},
        {"headers": {"X": "a\r\nSet-Cookie: b"}},
        {"headers": {"Content-Length": "1"}},
        {"headers": {"transfer-encoding": "chunked"}},
        {"headers": {"X Y": "1"}},
        {"headers": {"": "1"}},
        {"headers": []},
        {"times": 0},
        {"times": 1.5},
        {"times": True},
        {"share": 0},
        {"share": 1.1},
        {"share": "half"},
    ],
)
def test_a_fault_that_is_not_understood_is_refused(fault: object) -> None:
    """An unknown key, a value that does not fit, a header that would break the answer."""
    with pytest.raises(FaultError):
        parse_faults([fault])


def test_a_fault_is_shown_as_it_was_asked_for() -> None:
    """Only what differs from a plain answer."""
    asked = {"status": 429, "headers": {"Retry-After": "1"}, "delay": 0.5, "hold": True, "drop": "after"}
    asked |= {"times": 3, "share": 0.5}
    assert Fault.parse(asked).as_dict() == asked
    assert Fault().as_dict() == {}
