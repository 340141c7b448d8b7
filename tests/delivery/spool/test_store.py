"""The spool: what was added is there after any end of its process, once, within its bounds, for its own scope only."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from servers.program import ROOT

from segment_gevent.delivery.spool import inventory
from segment_gevent.delivery.spool.store import BadFile, Loss, Row, SpoolError, Store, scope_of

PROGRAMS = ROOT / "tests" / "programs"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
SCOPE = scope_of("key", "https://api.segment.io")
ALL = (1 << 30, 100_000)


class Clock:
    """The wall clock, which moves when told."""

    def __init__(self) -> None:
        self.time = time.time()

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def store(directory: Path, clock: Clock) -> Iterator[Store]:
    store = Store(directory, SCOPE, now=clock)
    yield store
    store.close()


def messages(first: int, end: int, size: int = 100) -> list[tuple[int, bytes]]:
    return [(ordinal, b"%0*d" % (size, ordinal)) for ordinal in range(first, end)]


def ordinals(rows: list[Row]) -> list[int]:
    return [int(row.body) for row in rows]


def drain(store: Store) -> list[int]:
    """Claim and settle until nothing is left."""
    found: list[int] = []
    while rows := store.claim(500_000, 2_500):
        found += ordinals(rows)
        store.settle([row.id for row in rows])
    return found


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAMS / program), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)


def run(program: str, *arguments: object) -> Any:
    command = [sys.executable, str(PROGRAMS / program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=110, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def tell(process: subprocess.Popen[str], line: str = "") -> str:
    """Say a line to one of the programs, and wait for its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


# Claims.


def test_what_is_given_back_is_anyones_and_no_more_this_stores(directory: Path) -> None:
    """Claimed messages too, whose settling and release then change nothing; what this process added stays its own."""
    left = Store(directory, SCOPE)
    left.add(messages(0, 5), owned=False)
    left.close()
    store, other = Store(directory, SCOPE), Store(directory, SCOPE)
    store.add(messages(5, 8), owned=False)
    assert ordinals(store.claim(*ALL, only_own=True)) == [5, 6, 7]
    claimed = [row.id for row in store.claim(*ALL)]
    assert (store.has_taken_over, store.has(claimed)) == (True, True)
    assert other.claim(*ALL) == []
    store.give_back()
    assert (store.has_taken_over, store.has(claimed)) == (False, False)
    store.settle(claimed)
    taken = other.claim(*ALL)
    assert ordinals(taken) == [0, 1, 2, 3, 4]
    other.give_back()
    assert ordinals(store.claim(*ALL)) == [0, 1, 2, 3, 4]
    store.release(claimed)
    assert store.claim(*ALL) == []
    store.close()
    other.close()


def test_what_was_taken_over_only_to_make_room_is_given_back(directory: Path) -> None:
    """A process that adds deletes the oldest of those that ended, and keeps no file of theirs."""
    left = Store(directory, SCOPE)
    left.add(messages(0, 900, 2_000), owned=False)
    left.add(messages(900, 1_800, 2_000), owned=False)
    left.close()
    store = Store(directory, SCOPE, max_bytes=2 << 20)
    store.add(messages(2_000, 2_001), owned=False)
    assert any(isinstance(item, Loss) for item in store.take_news())
    assert not store.has_taken_over
    assert drain(Store(directory, SCOPE))
    store.close()


def test_nothing_is_made_before_it_is_needed(directory: Path) -> None:
    """A store that is only asked, as in a process that loses nothing, leaves no trace."""
    store = Store(directory, SCOPE)
    assert store.claim(*ALL) == []
    store.remove(0, 10)
    assert store.give_up(0, 10) == 0
    store.close()
    assert not directory.exists()


def test_what_is_added_is_claimed_once_in_order(store: Store) -> None:
    """Claimed messages are not handed out again, until they are released or for ever when they are settled."""
    store.add(messages(0, 10), owned=False)
    first = store.claim(1_000_000, 4)
    assert ordinals(first) == [0, 1, 2, 3]
    assert all(row.is_mine for row in first)
    second = store.claim(*ALL)
    assert ordinals(second) == [4, 5, 6, 7, 8, 9]
    assert store.claim(*ALL) == []
    store.settle([row.id for row in first])
    store.release([row.id for row in second])
    assert drain(store) == [4, 5, 6, 7, 8, 9]


def test_a_claim_stays_within_its_bytes_but_for_one_message(store: Store) -> None:
    """The bodies of a claim fit; a message that is larger by itself is claimed alone."""
    store.add(messages(0, 10, size=100), owned=False)
    assert ordinals(store.claim(250, 100)) == [0, 1]
    assert ordinals(store.claim(10, 100)) == [2]


def test_owned_messages_are_nobodys_to_claim(directory: Path, store: Store) -> None:
    """Neither this store nor another hands them out while the process has them in memory; given up, any may."""
    store.add(messages(0, 10), owned=True)
    other = Store(directory, SCOPE)
    assert store.claim(*ALL) == other.claim(*ALL) == []
    assert store.give_up(2, 5) == 3
    assert other.claim(*ALL) == []
    assert ordinals(store.claim(*ALL)) == [2, 3, 4]
    store.remove(0, 10)
    store.close()
    assert [(int(row.body), row.is_mine) for row in other.claim(*ALL)] == [(2, False), (3, False), (4, False)]
    other.close()


def test_messages_added_as_claimed_are_the_adders(directory: Path, store: Store) -> None:
    """Handed over, they are anyone's; taken back, they are owned, and as gone as others when they are removed."""
    store.add(messages(0, 10), owned=False, claimed=True)
    assert store.claim(*ALL) == []
    store.hand_over(2, 5)
    assert ordinals(store.claim(*ALL)) == [2, 3, 4]
    store.take_back(5, 10)
    assert store.claim(*ALL) == []
    assert [(file.held, file.free) for file in inventory.status(directory)] == [(5, 5)]
    store.remove(5, 8)
    store.close()
    other = Store(directory, SCOPE)
    assert drain(other) == [0, 1, 2, 3, 4, 8, 9]
    other.close()


def test_what_was_taken_back_is_not_missed_when_the_file_is_gone(directory: Path, store: Store) -> None:
    """It is in memory: only what is on disk and nowhere else is told as lost."""
    store.add(messages(0, 5), owned=False, claimed=True)
    store.take_back(0, 4)
    shutil.rmtree(directory)
    store.add(messages(5, 6), owned=True)
    assert [(loss.reason, loss.messages) for loss in store.take_news() if isinstance(loss, Loss)] == [
        ("spool_damaged", 1)
    ]


def test_removed_messages_are_gone(directory: Path, store: Store) -> None:
    """What was delivered is not found by the next process, and the last one leaves no file behind."""
    store.add(messages(0, 10), owned=True)
    store.remove(0, 4)
    store.remove(5, 10)
    store.close()
    other = Store(directory, SCOPE)
    assert drain(other) == [4]
    other.close()
    assert os.listdir(directory) == []


def test_an_ordinal_added_again_is_there_once(store: Store) -> None:
    """As when a message that was journalled is left at shutdown."""
    store.add(messages(0, 5), owned=True)
    store.add(messages(0, 5), owned=False)
    assert drain(store) == [0, 1, 2, 3, 4]


def test_the_oldest_goes_first_whoever_left_it(directory: Path, clock: Clock) -> None:
    """Over several files: those of processes that ended, and this process's own."""
    for first in (0, 10):
        ended = Store(directory, SCOPE, now=clock)
        ended.add(messages(first, first + 5), owned=False)
        ended.close()
        clock.time += 1
    store = Store(directory, SCOPE, now=clock)
    store.add(messages(20, 25), owned=False)
    clock.time += 1
    late = Store(directory, SCOPE, now=clock)
    late.add(messages(30, 35), owned=False)
    late.close()
    assert ordinals(store.claim(1_000_000, 12)) == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 20, 21]
    assert drain(store) == [22, 23, 24, 30, 31, 32, 33, 34]
    store.close()


def test_a_file_has_its_turn_by_its_oldest_message(directory: Path, clock: Clock) -> None:
    """And not by when it was made: that of a process that lived for long may be young."""
    long_lived = Store(directory, SCOPE, now=clock)
    long_lived.add(messages(0, 5), owned=False)
    clock.time += 1
    short_lived = Store(directory, SCOPE, now=clock)
    short_lived.add(messages(10, 15), owned=False)
    short_lived.close()
    clock.time += 1
    long_lived.add(messages(20, 25), owned=False)
    long_lived.settle([row.id for row in long_lived.claim(1_000_000, 5)])
    long_lived.close()
    store = Store(directory, SCOPE, now=clock)
    assert drain(store) == [10, 11, 12, 13, 14, 20, 21, 22, 23, 24]
    store.close()


def test_another_scope_is_never_handed_out(directory: Path, store: Store) -> None:
    """Messages for another key, or another host, wait for a client that has it."""
    assert len({SCOPE, scope_of("other", "https://api.segment.io"), scope_of("key", "https://eu.example")}) == 3
    store.add(messages(0, 3), owned=False)
    store.close()
    other = Store(directory, scope_of("other", "https://api.segment.io"))
    assert other.claim(*ALL) == []
    other.close()
    assert drain(store) == [0, 1, 2]


def test_the_key_is_in_no_file_and_no_name(directory: Path) -> None:
    """The scope says whose messages these are without telling the key."""
    store = Store(directory, scope_of("a-secret-write-key", "https://api.segment.io"))
    store.add([(0, b"{}")], owned=False)
    assert not any(b"secret" in path.name.encode() + path.read_bytes() for path in directory.iterdir())
    store.close()


# Processes.


def test_a_killed_process_leaves_what_it_owned(directory: Path) -> None:
    """While it lives nobody gets its messages; after kill -9 the next store has them all."""
    holder = start("spool_holder.py", directory, SCOPE)
    assert [tell(holder), tell(holder)] == ["10", "20"]
    store = Store(directory, SCOPE)
    assert store.claim(*ALL) == []
    holder.kill()
    holder.communicate()
    rows = store.claim(*ALL)
    assert [json.loads(row.body)["messageId"] for row in rows] == [str(number) for number in range(20)]
    assert not any(row.is_mine for row in rows)
    store.settle([row.id for row in rows])
    store.close()
    assert os.listdir(directory) == []


def test_a_process_killed_while_it_adds_loses_nothing_that_was_added(directory: Path) -> None:
    """Twenty processes are killed at once, each in the middle of whatever it is doing."""
    said = 0
    for _ in range(20):
        holder = start("spool_holder.py", directory, SCOPE)
        assert holder.stdin is not None
        said += int(tell(holder))
        holder.stdin.write("\n" * 50)
        holder.stdin.flush()
        said += 10 if tell(holder) else 0
        holder.kill()
        rest, _ = holder.communicate()
        said += 10 * len(rest.splitlines())
    store = Store(directory, SCOPE)
    found = []
    while rows := store.claim(500_000, 2_500):
        found += [(row.id.holding.file.stem, row.body) for row in rows]
        store.settle([row.id for row in rows])
    store.close()
    assert len(found) >= said
    assert len(set(found)) == len(found)


def test_two_processes_never_claim_the_same(directory: Path) -> None:
    """Each message of 30 dead processes goes to one of two that claim at the same time, and none is left over."""
    for first in range(0, 3000, 100):
        store = Store(directory, SCOPE)
        store.add(messages(first, first + 100), owned=False)
        store.close()
    claimers = [start("spool_claimer.py", directory, SCOPE) for _ in range(2)]
    for claimer in claimers:
        assert claimer.stdout is not None
        assert claimer.stdout.readline() == "ready\n"
    for claimer in claimers:
        assert claimer.stdin is not None
        claimer.stdin.write("go\n")
        claimer.stdin.flush()
    got = [json.loads(claimer.communicate()[0]) for claimer in claimers]
    # One may have ended while the other still had a file; what that one left is not lost.
    assert sorted(map(int, got[0] + got[1])) == list(range(3000))


def test_forks_under_a_busy_spool(directory: Path) -> None:
    """No child hangs at its own first use of the spool, and neither it nor its end touches what is its parent's."""
    report = run("spool_forks.py", directory, SCOPE, 200)
    assert report == {"hung": 0, "failed": 0, "children": True, "parent": True, "left": []}


def test_a_child_without_hooks_starts_anew(directory: Path, store: Store) -> None:
    """As under uWSGI, which forks without Python's hooks: a store that finds itself in a child lets its files be."""
    store.add(messages(0, 3), owned=False)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            own = store.claim(*ALL)
            store.add(messages(100, 101), owned=False)
            os.write(writer, repr((own, ordinals(store.claim(*ALL)))).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    assert os.read(reader, 1000) == b"([], [100])"
    os.close(reader)
    assert drain(store) == [0, 1, 2, 100]


def test_a_child_takes_over_its_parents_file_when_that_has_ended(directory: Path) -> None:
    """As a daemon does: not before, with what was added after the fork; nobody else gets it, and anyone may read it."""
    daemon = start("spool_daemon.py", directory, SCOPE)
    assert daemon.stdout is not None
    assert json.loads(daemon.stdout.readline()) == []
    assert daemon.wait(60) == 0  # the parent
    assert json.loads(tell(daemon)) == list(range(20))
    other = Store(directory, SCOPE)
    assert other.claim(*ALL) == []
    assert [(file.state, file.free + file.held) for file in inventory.status(directory)] == [("live", 20)]
    daemon.communicate()
    assert drain(other) == list(range(20))
    other.close()
    assert os.listdir(directory) == []


# Bounds.


def size_of(directory: Path) -> int:
    """Bytes of the files in the directory, which may come and go meanwhile."""
    size = 0
    for entry in os.scandir(directory) if directory.exists() else ():
        with suppress(FileNotFoundError):
            size += entry.stat().st_size
    return size


@pytest.mark.parametrize("size", [100, 1_000, 4_200])
def test_the_directory_stays_under_its_bound(directory: Path, size: int) -> None:
    """All files together, SQLite's own included; the oldest messages go, and each is told."""
    store = Store(directory, SCOPE, max_bytes=1 << 20)
    lost: list[int] = []
    largest = 0
    total = 3 * (1 << 20) // size
    for first in range(0, total, 20):
        store.add(messages(first, first + 20, size), owned=False)
        largest = max(largest, size_of(directory))
        for loss in store.take_news():
            assert isinstance(loss, Loss)
            assert (loss.reason, loss.is_mine, loss.messages) == ("spool_full", True, len(loss.bodies))
            lost += map(int, loss.bodies)
    assert largest <= 1 << 20
    left = drain(store)
    assert lost + left == list(range(len(lost) + len(left)))
    assert len(left) * size > (1 << 20) // 4
    store.close()


def test_the_messages_of_the_dead_go_first_and_the_owned_last(directory: Path) -> None:
    """An earlier process's before this one's, and those that this process has in memory after the others."""
    dead = Store(directory, SCOPE)
    dead.add(messages(0, 100, 1_000), owned=False)
    dead.close()
    store = Store(directory, SCOPE, max_bytes=1 << 20)
    store.add(messages(1_000, 1_100, 1_000), owned=True)
    for first in range(2_000, 5_000, 20):
        store.add(messages(first, first + 20, 1_000), owned=False)
    losses = [loss for loss in store.take_news() if isinstance(loss, Loss)]
    assert losses[0] == Loss("spool_full", False, losses[0].messages, ())
    assert sum(loss.messages for loss in losses if not loss.is_mine) == 100
    assert min(int(body) for loss in losses for body in loss.bodies) == 2_000
    assert store.give_up(1_000, 1_100) == 100
    store.close()


def test_a_living_process_keeps_its_share(directory: Path) -> None:
    """One that filled the directory makes room for one that came later as it looks; neither deletes the other's."""
    early = Store(directory, SCOPE, max_bytes=4 << 20)
    late = Store(directory, SCOPE, max_bytes=4 << 20)
    for first in range(0, 4_000, 20):
        early.add(messages(first, first + 20, 1_000), owned=False)
    alone = size_of(directory)
    for first in range(4_000, 8_000, 20):
        late.add(messages(first, first + 20, 1_000), owned=False)
        early.release([row.id for row in early.claim(1, 1)])
    assert {loss.is_mine for loss in early.take_news() + late.take_news() if isinstance(loss, Loss)} == {True}
    kept = [len(drain(store)) for store in (early, late)]
    assert min(kept) * 1_000 > alone // 4
    early.close()
    late.close()


def test_who_fills_the_directory_leaves_room_for_who_comes(directory: Path) -> None:
    """Three come at its fullest moment, and it does nothing more: they have room before it has made some."""
    bound = 6 << 20
    early = Store(directory, SCOPE, max_bytes=bound)
    largest = 0
    for first in range(0, 12_000, 20):
        early.add(messages(first, first + 20, 1_000), owned=False)
        largest = max(largest, size_of(directory)) if first > 8_000 else 0
    while size_of(directory) < largest:
        first += 20
        early.add(messages(first, first + 20, 1_000), owned=False)
    late = [Store(directory, SCOPE, max_bytes=bound) for _ in range(3)]
    for _ in range(200):
        for store in late:
            first += 20
            store.add(messages(first, first + 20, 1_000), owned=False)
            largest = max(largest, size_of(directory))
    assert bound // 2 < largest <= bound
    for store in [early, *late]:
        store.close()


def size_while_stopped(directory: Path, processes: list[subprocess.Popen[str]]) -> int:
    """Its size at one moment, and not one file's before and the next one's after what another process did."""
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    for process in processes:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    size = size_of(directory)
    for process in processes:
        os.kill(process.pid, signal.SIGCONT)
    return size


@pytest.mark.parametrize("is_first_full", [False, True])
def test_processes_that_write_at_once_stay_under_one_bound(directory: Path, is_first_full: bool) -> None:
    """Four of them, each with three times as much as fits, at once or when one has filled it all; each keeps some."""
    bound = 6 << 20
    writers = [start("spool_writer.py", directory, SCOPE, bound) for _ in range(4)]
    largest = 0
    if is_first_full:
        tell(writers[0])
        largest = size_of(directory)
    busy = writers[is_first_full:]
    for writer in busy:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    answers = [writer.stdout for writer in busy]
    while select.select(answers, [], [], 0)[0] != answers:
        select.select([], [], [], 0.02)  # they stand still for as long as it takes to look
        largest = max(largest, size_while_stopped(directory, busy))
    assert bound // 2 < largest <= bound
    assert all(file.free > 0 for file in inventory.status(directory))
    for writer in writers:
        writer.communicate()


def test_one_message_too_large_for_the_bound_is_lost_and_told(directory: Path) -> None:
    """It does not stay for ever, and what comes after it is kept."""
    store = Store(directory, SCOPE, max_bytes=1 << 20)
    store.add([(0, b"x" * (1 << 20))], owned=False)
    (loss,) = store.take_news()
    assert isinstance(loss, Loss)
    assert (loss.reason, loss.messages) == ("spool_full", 1)
    store.add(messages(1, 3), owned=False)
    assert drain(store) == [1, 2]
    store.close()


def test_the_space_of_what_was_delivered_is_given_back(directory: Path) -> None:
    """After an outage of 20 MB the files are small again, while the process lives on."""
    store = Store(directory, SCOPE)
    for first in range(0, 20_000, 500):
        store.add(messages(first, first + 500, 1_000), owned=False)
    assert size_of(directory) > 20_000_000
    drain(store)
    assert size_of(directory) < 8_000_000
    store.close()


def test_what_is_too_old_is_not_delivered(directory: Path, store: Store, clock: Clock) -> None:
    """Past `max_age` a message is lost as expired, this process's and a dead one's; a younger one is not."""
    store.add(messages(0, 3), owned=False)
    dead = Store(directory, SCOPE, now=clock)
    dead.add(messages(10, 13), owned=False)
    dead.close()
    clock.time += 6 * 86_400
    store.add(messages(3, 5), owned=False)
    clock.time += 86_401
    assert drain(store) == [3, 4]
    losses = {loss for loss in store.take_news() if isinstance(loss, Loss)}
    assert losses == {
        Loss("spool_expired", True, 3, tuple(body for _, body in messages(0, 3))),
        Loss("spool_expired", False, 3, ()),
    }


def test_much_that_is_too_old_goes_a_part_at_a_time(store: Store, clock: Clock) -> None:
    """No call has all of it in memory, and none of it is delivered meanwhile; all of it is told."""
    for first in range(0, 20_000, 500):
        store.add(messages(first, first + 500, 1_000), owned=False)
    clock.time += 7 * 86_400 + 1
    store.add(messages(20_000, 20_001), owned=False)
    found: list[int] = []
    told: list[bytes] = []
    while not found:
        found = ordinals(store.claim(500_000, 2_500))
        bodies = [body for loss in store.take_news() if isinstance(loss, Loss) for body in loss.bodies]
        assert sum(map(len, bodies)) < 11_000_000
        told += bodies
    assert found == [20_000]
    assert [int(body) for body in told] == list(range(20_000))


def test_what_cannot_be_deleted_is_lost_once(directory: Path, clock: Clock, store: Store) -> None:
    """A file that holds on to some of its messages is replaced; each is told of once, and none is there for ever."""
    store.add(messages(0, 4), owned=False)
    (database,) = directory.glob("*.db")
    with closing(sqlite3.connect(database)) as db:
        db.execute("CREATE TRIGGER keep BEFORE DELETE ON messages WHEN old.id > 1 BEGIN SELECT RAISE(IGNORE); END")
    clock.time += 7 * 86_400 + 1
    for _ in range(3):
        assert drain(store) == []
    news = store.take_news()
    assert [each.salvaged for each in news if isinstance(each, BadFile)] == [2]
    assert sum(each.messages for each in news if isinstance(each, Loss)) == 4, news


def test_what_nobody_comes_for_expires_too(directory: Path, clock: Clock) -> None:
    """Files of another key and files set aside don't stay for ever."""
    other = Store(directory, scope_of("gone", ""), now=clock)
    other.add(messages(0, 7), owned=False)
    other.close()
    (directory / f"spool-{SCOPE}-1-0123456789abcdef.db.broken-2").write_bytes(b"rubbish")
    for path in directory.iterdir():
        os.utime(path, (clock.time, clock.time))
    store = Store(directory, SCOPE, now=clock)
    store.claim(*ALL)
    assert len(os.listdir(directory)) == 3
    clock.time += 7 * 86_400 + 1
    store.claim(*ALL)
    assert os.listdir(directory) == []
    assert store.take_news() == [Loss("spool_expired", False, 7, ())]
    store.close()


# Files.


def test_only_the_owner_can_read(directory: Path) -> None:
    """A directory of 0700 and files of 0600, SQLite's own too, whatever the umask."""
    before = os.umask(0)
    try:
        store = Store(directory, SCOPE)
        store.add(messages(0, 3), owned=False)
        modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
        assert modes == {".lock": 0o600, ".db": 0o600, ".db-wal": 0o600, ".db-shm": 0o600}
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        store.close()
    finally:
        os.umask(before)


def test_an_open_directory_of_our_own_is_closed_and_one_of_others_left_alone(tmp_path: Path) -> None:
    """An empty one is made 0700; one with other people's files keeps its mode, and ours in it are 0600 all the same."""
    for name, strange, mode in (("ours", False, 0o700), ("shared", True, 0o755)):
        directory = tmp_path / name
        directory.mkdir(mode=0o755)
        if strange:
            (directory / "letter.txt").touch()
        store = Store(directory, SCOPE)
        store.add(messages(0, 1), owned=False)
        assert stat.S_IMODE(directory.stat().st_mode) == mode
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in directory.glob("spool-*"))
        store.close()


def test_a_spool_deleted_under_its_process_is_begun_anew(directory: Path, store: Store) -> None:
    """What was in it is lost and told; what comes is stored."""
    store.add(messages(0, 3), owned=False)
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    store.add(messages(3, 5), owned=False)
    assert drain(store) == [3, 4]
    assert store.take_news() == [Loss("spool_damaged", True, 3, ())]


@pytest.mark.parametrize("in_the_way", ["a file", "a dangling link"])
def test_a_directory_that_cannot_be_is_a_spool_error(tmp_path: Path, in_the_way: str) -> None:
    """One type for all that the disk may refuse, and no key in it; when the reason is gone, the store works."""
    path = tmp_path / "spool"
    if in_the_way == "a file":
        path.touch()
    else:
        path.symlink_to("/proc/nowhere")
    store = Store(path, SCOPE)
    with pytest.raises(SpoolError) as caught:
        store.add(messages(0, 1), owned=False)
    assert caught.value.reason in ("open", "readonly")
    if in_the_way == "a file":
        path.unlink()
        store.add(messages(0, 1), owned=False)
        assert drain(store) == [0]
        store.close()


def test_a_disk_that_is_full_for_a_while(directory: Path) -> None:
    """What was stored before stays, what did not fit raises, and the store goes on when there is room again."""
    report = run("spool_full.py", directory, SCOPE)
    assert report["reasons"] in (["io"], ["full"], ["full", "io"])
    assert report["stored"] > 10
    assert report["all"]


@pytest.mark.parametrize("whose", ["own", "left"])
def test_what_was_sent_leaves_a_full_disk_too(directory: Path, whose: str) -> None:
    """Its rows can't be deleted, but their file can: no later process sends them again, and there is room."""
    assert run("spool_full_drain.py", directory, SCOPE, whose) == {"claimed": 60, "files": []}


def test_a_directory_that_may_only_be_read(tmp_path: Path) -> None:
    """Adding raises, and asking for what is there finds nothing or raises; neither hangs."""
    store = Store(tmp_path, SCOPE)
    store.add(messages(0, 3), owned=False)
    store.close()
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    tmp_path.chmod(0o555)
    assert run("spool_readonly.py", tmp_path, SCOPE) == ["readonly", "readonly"]
    tmp_path.chmod(0o700)
    assert drain(store) == [0, 1, 2]


def test_a_bad_file_is_set_aside_and_the_rest_is_not_lost(directory: Path, store: Store) -> None:
    """Rubbish under the name of a dead process's file is renamed; the messages of another dead process arrive."""
    dead = Store(directory, SCOPE)
    dead.add(messages(0, 3), owned=False)
    dead.close()
    bad = directory / f"spool-{SCOPE}-1-0123456789abcdef.db"
    bad.write_bytes(b"not a database, by far" * 1000)
    assert drain(store) == [0, 1, 2]
    (news,) = store.take_news()
    assert isinstance(news, BadFile)
    assert (news.reason, news.salvaged) == ("corrupt", 0)
    assert news.path.read_bytes() == b"not a database, by far" * 1000
    assert {path.name for path in directory.iterdir()} == {news.path.name}


def test_a_crash_between_the_two_renames_of_a_repair_loses_nothing(directory: Path, store: Store) -> None:
    """The repaired file, which had not yet its name, is found; a lock without any file is cleaned up."""
    store.add(messages(0, 3), owned=False)
    store.close()
    (database,) = directory.glob("*.db")
    database.rename(f"{database}.draft")
    (directory / f"spool-{SCOPE}-1-0123456789abcdef.lock").touch()
    assert drain(store) == [0, 1, 2]
    store.close()
    assert os.listdir(directory) == []


def test_a_look_at_a_file_that_is_gone_leaves_no_lock(directory: Path, clock: Clock, store: Store) -> None:
    """As when another worker has sent the last of it between a list of the directory and the look."""
    for first in (0, 10):
        left = Store(directory, SCOPE, now=clock)
        left.add(messages(first, first + 5), owned=False)
        left.close()
        clock.time += 1
    reading = inventory.messages(directory)
    assert int(next(reading).body) == 0
    assert drain(store) == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]
    store.close()
    assert [int(message.body) for message in reading] == [1, 2, 3, 4]
    assert os.listdir(directory) == []


def test_a_file_that_breaks_while_it_is_open(directory: Path, store: Store) -> None:
    """The process notices, goes on in a new file, and tells what it lost."""
    store.add(messages(0, 500, 1_000), owned=False)
    (database,) = directory.glob("*.db")
    for path in directory.glob("*.db*"):
        path.write_bytes(os.urandom(path.stat().st_size))
    found: list[int] = []
    for first in range(500, 700, 20):
        try:
            store.add(messages(first, first + 20, 1_000), owned=False)
            found += range(first, first + 20)
        except SpoolError:
            continue
    left = drain(store)
    losses = [news for news in store.take_news() if isinstance(news, Loss)]
    assert set(found) <= set(left)
    assert len(left) + sum(loss.messages for loss in losses) == 500 + len(found)
    assert database.exists()
