"""A query lets the asked events pass, and names the parameter that it does not understand."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_gevent.debugger.database import Database
from segment_gevent.debugger.event import Event
from segment_gevent.debugger.query import Query, QueryError

ADA, BOB = 1, 2


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """One with what Ada bought and what Bob saw."""
    ada = Event('{"a":"Grün 100%"}'.encode(), "track", "Bought", "ada", None, "1", (), 100.0, 1, id=ADA)
    bob = Event(b"{}", "page", None, None, "bob", "2", ("no userId",), 200.0, 2, True, "robert", id=BOB)
    database = Database()
    database.write([ada, bob], 0)
    yield database
    database.close()


@pytest.mark.parametrize(
    ("parameters", "passing"),
    [
        ({}, [BOB, ADA]),
        ({"type": "page"}, [BOB]),
        ({"type": "page,track"}, [BOB, ADA]),
        ({"event": "Bought"}, [ADA]),
        ({"user": "ada"}, [ADA]),
        ({"user": "bob"}, [BOB]),
        ({"user": "robert"}, [BOB]),
        ({"duplicate": "true"}, [BOB]),
        ({"valid": "true"}, [ADA]),
        ({"valid": "0"}, [BOB]),
        ({"text": "grÜn"}, [ADA]),
        ({"text": "100%"}, [ADA]),
        ({"text": "1%"}, []),
        ({"text": "gr_n"}, []),
        ({"since": "1970-01-01T00:03:20Z"}, [BOB]),
        ({"since": "1970-01-01T01:03:20.001+01:00"}, []),
        ({"since": "1970-01-01T01:03:20 01:00"}, [BOB]),  # what a plus in a URL becomes
        ({"type": "page", "user": "ada"}, []),
        ({"type": ""}, [BOB, ADA]),
        ({"until": "1970-01-01T00:03:20Z"}, [ADA]),
        ({"after": "1"}, [BOB]),
        ({"upto": "1"}, [ADA]),
        ({"batch": "2"}, [BOB]),
        ({"order": "oldest"}, [ADA, BOB]),
        ({"limit": "1"}, [BOB]),
        ({"offset": "1"}, [ADA]),
    ],
)
def test_filters(database: Database, parameters: dict[str, str], passing: list[int]) -> None:
    """Each filter narrows, together they narrow more, an empty one does not; limit and offset cut the slice."""
    query = Query.parse(parameters)
    found = database.select(query.filter(), query.limit, query.offset, oldest_first=query.oldest_first)
    assert [event.id for event in found] == passing


def test_the_total_counts_what_matches_and_not_the_slice(database: Database) -> None:
    """A page of results knows how many there are."""
    assert database.count(Query.parse({"limit": "0"}).filter()) == 2


def test_a_stream_goes_on_from_where_it_was() -> None:
    """Within the ids that were asked for, if any were."""
    assert Query.parse({}).between(3, 9) == Query(after=3, upto=9)
    assert Query.parse({"after": "5", "upto": "7"}).between(3, 9) == Query(after=5, upto=7)


@given(
    text=st.text(st.sampled_from("aAüÜßſK%_\\ks"), min_size=1, max_size=4), needle=st.text("aAüÜßſK%_\\kS", min_size=1)
)
def test_text_is_found_in_any_case(text: str, needle: str) -> None:
    """As Python compares without regard to case, outside of ASCII too; SQL's own signs are only text."""
    database = Database()
    database.write([Event(text.encode(), "track", None, None, None, None, (), 0.0, 1, id=1)], 0)
    found = database.count(Query.parse({"text": needle}).filter())
    database.close()
    assert found == (needle.casefold() in text.casefold())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("valid", "maybe"),
        ("limit", "-1"),
        ("offset", "x"),
        ("after", str(2**63)),
        ("order", "random"),
        ("since", "yesterday"),
        ("since", "2026-11-23T15:19:40"),
        ("colour", "red"),
    ],
)
def test_what_is_not_understood_is_named(name: str, value: str) -> None:
    """The error says which parameter it was."""
    with pytest.raises(QueryError, match=name):
        Query.parse({name: value})
