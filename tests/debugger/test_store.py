"""The store keeps the newest events within its bounds and counts all of them."""

from segment_gevent.debugger.store import MAX_NAMES, OTHER_NAMES, Event, EventStore, SeenIds


def event(number: int, *, message: bytes = b"{}", name: str | None = "Bought", problems: tuple[str, ...] = ()) -> Event:
    return Event(message, "track", name, "ada", None, f"id-{number}", problems, 0.0, 1)


def test_events_come_newest_first() -> None:
    """Iterating goes back in time."""
    store = EventStore()
    for number in range(3):
        store.add(event(number))
    assert [kept.message_id for kept in store] == ["id-2", "id-1", "id-0"]


def test_a_repeated_message_id_is_a_duplicate() -> None:
    """The repeat is kept, marked and counted; the first one is not marked."""
    store = EventStore()
    first, second = event(1), event(1)
    store.add(first)
    store.add(second)
    assert (first.duplicate, second.duplicate) == (False, True)
    assert (store.total, store.duplicates, store.distinct) == (2, 1, 1)


def test_a_refused_event_can_be_read_but_did_not_arrive() -> None:
    """It counts as invalid, not as distinct, and its messageId stays new."""
    store = EventStore()
    store.add_refused(event(1, problems=("no",)))
    assert (store.total, store.invalid, store.distinct) == (1, 1, 0)
    store.add(event(1))
    assert (store.duplicates, store.distinct) == (0, 1)


def test_the_number_of_events_is_bounded() -> None:
    """The oldest go; the counts stay."""
    store = EventStore(max_events=10)
    for number in range(25):
        store.add(event(number))
    assert [kept.message_id for kept in store] == [f"id-{number}" for number in range(24, 14, -1)]
    assert store.summary()["total"] == 25


def test_the_bytes_of_events_are_bounded() -> None:
    """Large messages push out old ones earlier."""
    store = EventStore(max_bytes=1000)
    for number in range(25):
        store.add(event(number, message=b"x" * 300))
    assert len(store) == 3


def test_message_ids_are_remembered_within_a_bound() -> None:
    """At least the newer half of the bound is known; what is far older is forgotten."""
    seen = SeenIds(100)
    for number in range(1000):
        assert not seen.add(str(number))
    assert all(seen.add(str(number)) for number in range(950, 1000))
    assert not seen.add("0")


def test_event_names_are_counted_within_a_bound() -> None:
    """A client that makes up names without end ends up in one counter."""
    store = EventStore(max_events=1)
    for number in range(MAX_NAMES + 5):
        store.add(event(number, name=f"name {number}"))
    by_event = store.summary()["byEvent"]
    assert isinstance(by_event, dict)
    assert by_event[OTHER_NAMES] == 5
    assert len(by_event) == MAX_NAMES + 1


def test_the_summary_counts_by_type_event_and_validity() -> None:
    """An event without a name counts only by type."""
    store = EventStore()
    store.add(event(1))
    store.add(event(2, problems=("no",)))
    store.add(event(3, name=None))
    assert store.summary() == {
        "total": 3,
        "valid": 2,
        "invalid": 1,
        "duplicates": 0,
        "byType": {"track": 3},
        "byEvent": {"Bought": 2},
    }


def test_reset_forgets_everything() -> None:
    """Counts, events and ids start anew."""
    store = EventStore()
    store.add(event(1))
    store.reset()
    store.add(event(1))
    assert (store.total, store.duplicates, len(store)) == (1, 0, 1)
