"""Faults are read strictly and used up one by one."""

import pytest

from segment_gevent.debugger.faults import Fault, FaultError, Faults, parse_faults


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
        {"headers": []},
    ],
)
def test_a_fault_that_is_not_understood_is_refused(fault: object) -> None:
    """An unknown key, a value that does not fit, a header that would break the answer."""
    with pytest.raises(FaultError):
        parse_faults([fault])


def test_a_fault_is_shown_as_it_was_asked_for() -> None:
    """Only what differs from a plain answer."""
    asked = {"status": 429, "headers": {"Retry-After": "1"}, "delay": 0.5, "hold": True, "drop": "after"}
    assert Fault.parse(asked).as_dict() == asked
    assert Fault().as_dict() == {}
