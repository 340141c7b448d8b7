"""One spool file: its versions, and what becomes of it when it is damaged, foreign, or made to do harm."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_gevent.delivery.spool.database import SpoolFileError, translated
from segment_gevent.delivery.spool.journal import STEPS, Journal
from segment_gevent.delivery.spool.store import BadFile, SpoolError, Store

SCOPE = "abc"
NAME = f"spool-{SCOPE}-1-0123456789abcdef.db"
BODIES = [b'{"messageId":"%d","padding":"%s"}' % (number, b"p" * (number * 37 % 900)) for number in range(300)]
ALL = (1 << 30, 100_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = Journal(path)
    journal.make()
    yield journal
    journal.close()


def test_rows_come_back_as_they_were(journal: Journal) -> None:
    """Any bytes, an empty body too; held and free rows are told apart."""
    bodies = [b"", b"\x00\xff,\n", "ü".encode(), b"x" * 100_000]
    journal.insert(enumerate(bodies), held=False, created=5)
    journal.insert([(10, b"held")], held=True, created=6)
    free = journal.oldest(messages=100, size=1 << 20, held=False)
    assert [(row.id, row.held, row.created, row.body) for row in free] == [
        (number, False, 5, body) for number, body in enumerate(bodies)
    ]
    assert [row.id for row in journal.oldest(messages=100, size=1 << 20)] == [0, 1, 2, 3, 10]
    assert [row.id for row in journal.oldest(messages=2, size=1 << 20, skip={0, 2}, after=0)] == [1, 3]
    assert (journal.count(held=True), journal.count(held=False)) == (1, 4)


def test_a_group_is_stored_whole_or_not_at_all(journal: Journal) -> None:
    """One row that can't be stored leaves none of its group, and the journal as it was."""
    with pytest.raises(SpoolError):
        journal.insert([(0, b"good"), (2**70, b"no such id")], held=False, created=1)
    journal.insert([(5, b"later")], held=False, created=1)
    assert [row.id for row in journal.oldest(messages=9, size=99)] == [5]


def test_a_reader_of_a_file_that_is_gone_leaves_nothing(path: Path, journal: Journal) -> None:
    """SQLite makes the index of the log anew if the owner deletes all between a reader's open and its first look."""
    journal.insert([(1, b"one")], held=False, created=1)
    reader = Journal(path, is_read_only=True)
    reader.open()
    assert reader.count(held=False) == 1
    journal.destroy()
    Path(f"{path}-shm").touch()
    reader.close()
    assert list(path.parent.iterdir()) == []


# Versions.

LATER = (*STEPS, ("ALTER TABLE messages ADD COLUMN note TEXT",))


def columns(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [row[1] for row in db.execute("PRAGMA table_info(messages)")]


def test_an_older_file_is_brought_up_to_date(path: Path, journal: Journal) -> None:
    """Each step that it has not taken is taken when it is opened; its rows stay."""
    journal.insert([(1, b"one"), (2, b"two")], held=False, created=1)
    journal.close()
    newer = Journal(path, steps=LATER)
    newer.open()
    assert newer.count(held=False) == 2
    newer.close()
    assert columns(path)[-1] == "note"


def test_a_step_that_fails_is_not_half_taken(path: Path, journal: Journal) -> None:
    """The file stays at the version that it had, whole."""
    journal.insert([(1, b"one")], held=False, created=1)
    journal.close()
    with pytest.raises(SpoolError):
        Journal(path, steps=(*STEPS, ("ALTER TABLE messages ADD COLUMN note TEXT", "no such statement"))).open()
    assert "note" not in columns(path)
    again = Journal(path)
    again.open()
    assert [row.body for row in again.oldest(messages=9, size=99)] == [b"one"]
    again.close()


def test_a_newer_file_is_left_to_a_newer_version(path: Path) -> None:
    """Not renamed and not touched: a deployment that is rolled back, and forward again, loses nothing."""
    newer = Journal(path, steps=LATER)
    newer.make()
    newer.close()
    before = path.read_bytes()
    store = Store(path.parent, SCOPE)
    assert store.claim(*ALL) == []
    assert store.take_news() == [BadFile(path, "newer", 0)]
    assert store.claim(*ALL) == []
    assert store.take_news() == []
    store.close()
    assert path.read_bytes() == before


# Files of others.


@pytest.mark.parametrize(
    "harm",
    [
        "CREATE TABLE another (x)",
        "CREATE TRIGGER t AFTER DELETE ON messages BEGIN INSERT INTO messages VALUES (old.id + 1, 0, 1, 1, x''); END",
        "CREATE VIEW v AS SELECT load_extension('/nowhere.so')",
        "CREATE INDEX harmful ON messages (abs(id))",
        "PRAGMA application_id = 7",
        "DROP INDEX free",
    ],
)
def test_a_file_that_is_not_to_the_letter_ours_is_not_used(path: Path, journal: Journal, harm: str) -> None:
    """No trigger, view or expression in it is ever run: it is set aside as foreign, and nothing of it is sent."""
    journal.insert([(1, b"one")], held=False, created=1)
    journal.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(harm)
    store = Store(path.parent, SCOPE)
    assert store.claim(*ALL) == []
    (news,) = store.take_news()
    assert isinstance(news, BadFile)
    assert (news.reason, news.salvaged, news.path.exists()) == ("foreign", 0, True)
    store.close()


def test_a_link_to_a_file_elsewhere_is_not_followed(tmp_path: Path, path: Path, journal: Journal) -> None:
    """Whoever may write to a directory must not make the process write to another file."""
    journal.close()
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    store = Store(tmp_path, SCOPE)
    with pytest.raises(SpoolError) as caught:
        store.claim(*ALL)
    assert caught.value.reason == "open"
    store.close()


def test_a_lock_of_another_program_is_waited_for_a_second_and_told(path: Path, journal: Journal) -> None:
    """As of a person's `sqlite3` in a transaction; when it is gone the same call succeeds."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SpoolError) as caught:
            journal.insert([(1, b"one")], held=False, created=1)
        assert caught.value.reason == "locked"
    journal.insert([(1, b"one")], held=False, created=1)
    assert journal.count(held=False) == 1


def test_a_full_disk_is_told_as_such(path: Path) -> None:
    """SQLite's own word for it becomes ours."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("CREATE TABLE t (x)")
        db.execute("PRAGMA max_page_count = 3")
        with pytest.raises(SpoolError) as caught, translated(path):
            db.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert caught.value.reason == "full"
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    assert not isinstance(caught.value, SpoolFileError)


# Damage.


def test_a_changed_body_is_not_sent(path: Path, journal: Journal) -> None:
    """SQLite does not notice it; the message is told as damaged, the others arrive."""
    journal.insert(enumerate(BODIES[:20]), held=False, created=1 << 41)
    journal.close()
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"messageId":"7"', b'"messageId":"8"'))
    store = Store(path.parent, SCOPE)
    rows = store.claim(*ALL)
    assert [row.body for row in rows] == BODIES[:7] + BODIES[8:20]
    (loss,) = store.take_news()
    assert loss[:3] == ("spool_damaged", False, 1)
    store.close()


def test_damage_in_the_middle_leaves_both_ends(path: Path, journal: Journal) -> None:
    """What can be read before it and behind it is saved in a new file, and the broken one is kept."""
    journal.insert(enumerate(BODIES), held=False, created=1 << 41)
    journal.close()
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    store = Store(path.parent, SCOPE)
    bodies = [row.body for row in store.claim(*ALL)]
    (news,) = store.take_news()
    assert isinstance(news, BadFile)
    assert (news.reason, news.salvaged, news.path.exists()) == ("corrupt", len(bodies), True)
    assert len(bodies) > 250
    assert bodies[0] == BODIES[0]
    assert bodies[-1] == BODIES[-1]
    assert set(bodies) <= set(BODIES)
    store.close()


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """A file as a clean exit leaves it, and one as kill -9 does: with its log."""
    directory = tmp_path_factory.mktemp("seeds")
    journal = Journal(directory / NAME)
    journal.make()
    for first in range(0, 300, 50):
        journal.insert(list(enumerate(BODIES))[first : first + 50], held=first % 100 == 0, created=1 << 41)
    journal.delete(range(20, 40))
    killed = {suffix: Path(f"{journal.path}{suffix}").read_bytes() for suffix in ("", "-wal", "-shm")}
    journal.close()
    return {"closed": {"": journal.path.read_bytes()}, "killed": killed}


damages = st.one_of(
    st.tuples(st.just("flip"), st.floats(0, 1), st.integers(1, 255)),
    st.tuples(st.just("cut"), st.floats(0, 1), st.just(0)),
    st.tuples(st.just("noise"), st.floats(0, 1), st.integers(1, 5_000)),
    st.tuples(st.just("zero"), st.floats(0, 1), st.integers(1, 5_000)),
    st.tuples(st.just("flip header"), st.floats(0, 1), st.integers(1, 255)),
    st.tuples(st.just("grow"), st.just(1.0), st.integers(1, 5_000)),
)


def damaged(data: bytes, kind: str, where: float, amount: int) -> bytes:
    place = int(where * (min(len(data), 200) if kind == "flip header" else len(data)))
    if kind == "cut":
        return data[:place]
    if kind == "grow":
        return data + bytes(amount)
    changed = bytearray(data)
    if kind.startswith("flip"):
        changed[place : place + 1] = bytes(byte ^ amount for byte in changed[place : place + 1])
    else:
        end = min(len(data), place + amount)
        changed[place:end] = (
            bytes((byte * 7 + 13) % 256 for byte in range(end - place)) if kind == "noise" else bytes(end - place)
        )
    return bytes(changed)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from(["closed", "killed"]),
    part=st.sampled_from(["", "-wal", "-shm"]),
    harm=st.one_of(st.lists(damages, min_size=1, max_size=4), st.binary(max_size=300)),
)
def test_no_damage_raises_or_brings_up_what_was_not_stored(
    seeds: dict[str, dict[str, bytes]], seed: str, part: str, harm: list[tuple[str, float, int]] | bytes
) -> None:
    """Whatever is done to a dead process's file: its messages come or they don't, and the store works."""
    directory = Path(tempfile.mkdtemp())
    try:
        files = dict(seeds[seed])
        data = files.get(part, b"")
        for step in [] if isinstance(harm, bytes) else harm:
            data = damaged(data, *step)
        files[part] = harm if isinstance(harm, bytes) else data
        for suffix, content in files.items():
            (directory / f"{NAME}{suffix}").write_bytes(content)
        store = Store(directory, SCOPE)
        found = []
        for _ in range(50):
            try:
                rows = store.claim(20_000, 50)
                store.settle([row.id for row in rows])
            except SpoolError:
                continue
            found += [row.body for row in rows]
            if not rows:
                break
        assert set(found) <= set(BODIES)
        store.add([(0, b"new")], owned=False)
        assert b"new" in [row.body for row in store.claim(*ALL)]
        store.close()
    finally:
        shutil.rmtree(directory)
