"""A query lets the asked events pass, and names the parameter that it does not understand."""

import pytest

from segment_gevent.debugger.query import Query, QueryError, parse_time, timestamp
from segment_gevent.debugger.store import Event, EventStore

ADA = Event(b'{"a":"Gr\xc3\xbcn"}', "track", "Bought", "ada", None, "1", (), 100.0, 1)
BOB = Event(b"{}", "page", None, None, "bob", "2", ("no userId",), 200.0, 2)


@pytest.mark.parametrize(
    ("parameters", "passing"),
    [
        ({}, [BOB, ADA]),
        ({"type": "page"}, [BOB]),
        ({"event": "Bought"}, [ADA]),
        ({"user": "ada"}, [ADA]),
        ({"user": "bob"}, [BOB]),
        ({"valid": "true"}, [ADA]),
        ({"valid": "0"}, [BOB]),
        ({"text": "grÜn"}, [ADA]),
        ({"since": "1970-01-01T00:03:20Z"}, [BOB]),
        ({"since": "1970-01-01T01:03:20.001+01:00"}, []),
        ({"type": "page", "user": "ada"}, []),
        ({"type": ""}, [BOB, ADA]),
        ({"limit": "1"}, [BOB]),
        ({"offset": "1"}, [ADA]),
    ],
)
def test_filters(parameters: dict[str, str], passing: list[Event]) -> None:
    """Each filter narrows, together they narrow more, an empty one does not; limit and offset cut the slice."""
    store = EventStore()
    store.add(ADA)
    store.add(BOB)
    assert Query.parse(parameters).select(store)[0] == passing


def test_the_total_counts_what_matches_and_not_the_slice() -> None:
    """A page of results knows how many there are."""
    store = EventStore()
    store.add(ADA)
    store.add(BOB)
    assert Query.parse({"limit": "0"}).select(store) == ([], 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("valid", "maybe"),
        ("limit", "-1"),
        ("offset", "x"),
        ("since", "yesterday"),
        ("since", "2026-11-23T15:19:40"),
        ("colour", "red"),
    ],
)
def test_what_is_not_understood_is_named(name: str, value: str) -> None:
    """The error says which parameter it was."""
    with pytest.raises(QueryError, match=name):
        Query.parse({name: value})


def test_times_are_written_as_segment_writes_them() -> None:
    """UTC, milliseconds and Z; and read back to the same moment."""
    assert timestamp(0.5) == "1970-01-01T00:00:00.500Z"
    assert parse_time(timestamp(1_795_447_180.388)) == 1_795_447_180.388
