"""The store keeps the newest events within its bounds and counts all of them."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from segment_gevent.debugger.database import Database, DatabaseError, Filter, Kept
from segment_gevent.debugger.event import Event
from segment_gevent.debugger.store import EventStore


def event(number: int, *, message: bytes = b"{}", name: str | None = "Bought", problems: tuple[str, ...] = ()) -> Event:
    return Event(message, "track", name, "ada", None, f"id-{number}", problems, 0.0, 1)


@pytest.fixture
def made() -> Iterator[Callable[..., EventStore]]:
    """Makes stores, and closes them after the test."""
    stores: list[EventStore] = []

    def make(*arguments: object, **named: object) -> EventStore:
        stores.append(EventStore(*arguments, **named))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


def kept(store: EventStore) -> list[Kept]:
    return store.ask(Database.select, Filter(), 1_000_000)


def test_events_come_newest_first(made: Callable[..., EventStore]) -> None:
    """With ids that ascend in the order of arrival."""
    store = made()
    for number in range(3):
        store.add(event(number, message=b"%d" % number))
    assert [(each.id, each.message) for each in kept(store)] == [(3, b"2"), (2, b"1"), (1, b"0")]


def test_a_repeated_message_id_is_a_duplicate(made: Callable[..., EventStore]) -> None:
    """The repeat is kept, marked and counted; the first one is not marked."""
    store = made()
    first, second = event(1), event(1)
    store.add(first)
    store.add(second)
    assert (first.duplicate, second.duplicate) == (False, True)
    assert (store.counts.total, store.counts.duplicates, store.counts.distinct) == (2, 1, 1)


def test_a_refused_event_can_be_read_but_did_not_arrive(made: Callable[..., EventStore]) -> None:
    """It counts as invalid, not as distinct, and its messageId stays new."""
    store = made()
    store.add_refused(event(1, problems=("no",)))
    assert (store.counts.total, store.counts.invalid, store.counts.distinct) == (1, 1, 0)
    store.add(event(1))
    assert (store.counts.duplicates, store.counts.distinct) == (0, 1)


def test_the_number_of_events_is_bounded(made: Callable[..., EventStore]) -> None:
    """The oldest go; the counts stay."""
    store = made(max_events=10)
    for number in range(25):
        store.add(event(number))
    assert [each.id for each in kept(store)] == list(range(25, 15, -1))
    assert store.counts.total == 25


def test_the_bytes_of_events_are_bounded(made: Callable[..., EventStore]) -> None:
    """Large messages push out old ones earlier."""
    store = made(max_bytes=1000)
    for number in range(25):
        store.add(event(number, message=b"x" * 300))
    assert len(store) == len(kept(store)) == 3


def test_reset_forgets_everything(made: Callable[..., EventStore]) -> None:
    """Counts, events and messageIds start anew; the events' own ids go on."""
    store = made()
    store.add(event(1))
    store.reset()
    assert kept(store) == []
    store.add(event(1))
    assert (store.counts.total, store.counts.duplicates) == (1, 0)
    assert [each.id for each in kept(store)] == [2]


def test_what_comes_while_a_reset_is_written_stays(made: Callable[..., EventStore]) -> None:
    """Between the reset and the next look at the database events go on arriving."""
    store = made()
    for number in range(5):
        store.add(event(number))
    store.reset()
    store.add(event(6))
    assert len(kept(store)) == 1


def test_a_file_has_its_events_again(made: Callable[..., EventStore], tmp_path: Path) -> None:
    """With their ids, and counted; a messageId that it holds is a duplicate."""
    path = str(tmp_path / "events.db")
    store = made(path)
    store.add(event(1, message=b'{"properties":{"price":1}}'))
    store.add(event(2, problems=("no",)))
    before = kept(store)
    store.close()
    again = made(path)
    assert kept(again) == before
    assert again.counts.summary()["byEvent"] == {"Bought": 2}
    assert (again.counts.total, again.counts.invalid) == (2, 1)
    assert [name.properties for name in again.counts.catalogue] == [{"price": {"number": 1}}]
    again.add(event(1))
    assert (again.last, again.counts.duplicates) == (3, 1)


def test_a_file_that_holds_too_much_is_cut(made: Callable[..., EventStore], tmp_path: Path) -> None:
    """A server that is to keep fewer keeps the newest."""
    path = str(tmp_path / "events.db")
    store = made(path)
    for number in range(10):
        store.add(event(number))
    store.close()
    assert [each.id for each in kept(made(path, max_events=3))] == [10, 9, 8]


def test_events_are_for_their_owner_alone(made: Callable[..., EventStore], tmp_path: Path) -> None:
    """They tell of people."""
    made(str(tmp_path / "events.db"))
    assert (tmp_path / "events.db").stat().st_mode & 0o777 == 0o600


def of_another_program(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE cats (name)")
    database.close()


def of_a_later_version(path: Path) -> None:
    EventStore(str(path)).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(b"no database" * 1000), "not a database"),
        (of_another_program, "another program"),
        (of_a_later_version, "format 99"),
        (Path.mkdir, "directory"),
    ],
)
def test_a_foreign_file_is_refused_and_left(tmp_path: Path, spoil: Callable[[Path], None], words: str) -> None:
    """The error names the file and says why."""
    path = tmp_path / "events.db"
    spoil(path)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.raises(DatabaseError, match=words) as error:
        EventStore(str(path))
    assert str(path) in str(error.value)
    assert before is None or path.read_bytes() == before


def test_two_servers_do_not_share_a_file(made: Callable[..., EventStore], tmp_path: Path) -> None:
    """The second is told."""
    path = str(tmp_path / "events.db")
    made(path)
    with pytest.raises(DatabaseError, match="locked"):
        EventStore(path)


def test_more_than_a_statement_holds_is_kept(made: Callable[..., EventStore]) -> None:
    """Thousands at once, whatever their characters."""
    store = made()
    message = orjson.dumps({"event": "Grün \x00 <script> ' \" \U0001f600"})
    for number in range(2345):
        store.add(event(number, message=message))
    assert {each.message for each in kept(store)} == {message}
    assert len(kept(store)) == 2345
