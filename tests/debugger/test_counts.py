"""Counts of what arrived stay small, however much arrived."""

from segment_gevent.debugger.counts import MAX_NAMES, OTHER_NAMES, Chart, Counts, SeenIds
from segment_gevent.debugger.event import Event


def event(*problems: str, name: str | None = "Bought", kind: str = "track", at: float = 0.0) -> Event:
    return Event(b"{}", kind, name, "ada", None, None, problems, at, 1)


def test_message_ids_are_remembered_within_a_bound() -> None:
    """At least the newer half of the bound is known; what is far older is forgotten."""
    seen = SeenIds(100)
    for number in range(1000):
        assert not seen.add(str(number))
    assert all(seen.add(str(number)) for number in range(950, 1000))
    assert not seen.add("0")


def test_event_names_are_counted_within_a_bound() -> None:
    """A client that makes up names without end ends up in one counter."""
    counts = Counts()
    for number in range(MAX_NAMES + 5):
        counts.add(event(name=f"name {number}"))
    assert counts.by_event[OTHER_NAMES] == 5
    assert len(counts.by_event) == MAX_NAMES + 1


def test_the_summary_counts_by_type_event_and_validity() -> None:
    """An event without a name counts only by type, and so does a page."""
    counts = Counts()
    counts.add(event())
    counts.add(event("no"))
    counts.add(event(name=None))
    counts.add(event(name="Home", kind="page"))
    assert counts.summary() == {
        "total": 4,
        "valid": 3,
        "invalid": 1,
        "duplicates": 0,
        "byType": {"track": 3, "page": 1},
        "byEvent": {"Bought": 2},
    }


def test_the_chart_has_a_bar_a_second() -> None:
    """By type, from the second that was asked for on; the oldest go."""
    chart = Chart(seconds=2)
    for at in (10.2, 11.0, 11.9, 13.0):
        chart.add(event(at=at))
    chart.add(event(at=13.5, kind="page"))
    assert chart.since(0) == {"11": {"track": 2}, "13": {"track": 1, "page": 1}}
    assert chart.since(12.5) == {"13": {"track": 1, "page": 1}}
    assert chart.newest == 13


def test_a_clock_that_is_set_back_opens_no_second_twice() -> None:
    """What comes meanwhile counts at the last one."""
    chart = Chart()
    for at in (10.0, 5.0, 10.5):
        chart.add(event(at=at))
    assert chart.since(0) == {"10": {"track": 3}}
