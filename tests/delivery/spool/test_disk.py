"""The native thread for disk work: greenlets go on, any thread may ask, and a fork waits for what is under way."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial

import gevent
import pytest
from gevent.event import Event
from gevent.threadpool import ThreadPool
from servers.program import ROOT

from segment_gevent.delivery.spool import disk as disk_module
from segment_gevent.delivery.spool.database import SpoolError
from segment_gevent.delivery.spool.disk import Disk

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(autouse=True)
def _hub() -> None:
    """What every process with a client has; without one there are no greenlets to go on."""
    gevent.get_hub()


def python(code: str) -> str:
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_work_runs_in_one_thread_in_order() -> None:
    """Its value comes back, and it is never this thread that does it."""
    disk = Disk()
    threads = {disk.run(threading.get_ident) for _ in range(10)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    order: list[int] = []
    gevent.joinall([gevent.spawn(disk.run, lambda number=number: order.append(number)) for number in range(50)])
    assert order == list(range(50))
    disk.close()


def test_an_error_comes_back_as_it_was() -> None:
    """The thread outlives it, and says nothing of its own."""
    disk = Disk()
    with pytest.raises(ZeroDivisionError):
        disk.run(lambda: 1 // 0)
    assert disk.run(lambda: "alive") == "alive"
    disk.close()


def test_greenlets_go_on_meanwhile() -> None:
    """While the disk does not answer, another greenlet takes a thousand turns."""
    disk, answer = Disk(), threading.Event()
    asked = gevent.spawn(disk.run, answer.wait)
    for _ in range(1000):
        gevent.sleep(0)
    assert not asked.ready()
    answer.set()
    assert asked.get(timeout=10) is True
    disk.close()


def test_a_disk_that_hangs_costs_the_timeout() -> None:
    """The caller gets an error, what had not begun is never done, and what it comes to goes to who looks after it."""
    disk, answer, orphans = Disk(), threading.Event(), []
    with pytest.raises(SpoolError, match="has not answered") as caught:
        disk.run(lambda: answer.wait() and "late", timeout=0.2, orphaned=orphans.append)
    assert caught.value.reason == "timeout"
    with pytest.raises(SpoolError):
        disk.run(lambda: orphans.append("never done"), timeout=0.01)
    answer.set()
    assert disk.run(lambda: list(orphans)) == ["late"]
    disk.close()


def test_work_that_waits_for_its_turn_can_be_left_too() -> None:
    """Another client's work holds it up; by the time of its turn nobody wants it."""
    other, disk, began, answer = Disk(), Disk(), threading.Event(), threading.Event()
    done: list[str] = []

    def hang() -> None:
        began.set()
        answer.wait()

    hanging = gevent.spawn(other.run, hang)
    gevent.sleep(0)
    began.wait(10)
    with pytest.raises(SpoolError):
        disk.run(lambda: done.append("left"), timeout=0.01)
    answer.set()
    hanging.get(timeout=10)
    disk.run(lambda: done.append("later"))
    assert done == ["later"]
    disk.close()
    other.close()


def test_later_work_that_fails_ends_nothing() -> None:
    """Nobody hears of it; the thread has others' work to do."""
    disk = Disk()
    disk.later(lambda: 1 // 0)
    assert disk.run(lambda: "alive", timeout=10) == "alive"
    disk.close()


def test_later_work_is_done_in_its_turn() -> None:
    """After what was asked for before, and before what is asked for next; the caller goes on at once."""
    disk, answer, order = Disk(), threading.Event(), []
    asked = gevent.spawn(disk.run, lambda: answer.wait() and order.append("first"))
    gevent.sleep(0)
    disk.later(lambda: order.append("later"))
    assert order == []
    answer.set()
    disk.run(lambda: order.append("next"))
    assert order == ["first", "later", "next"]
    asked.join()
    disk.close()


def test_a_killed_caller_leaves_no_result_behind() -> None:
    """Its claim on the disk's answer passes to `orphaned`; the thread goes on."""
    disk, began, answer, orphans = Disk(), threading.Event(), threading.Event(), []

    def work() -> str:
        began.set()
        answer.wait()
        return "rows"

    asked = gevent.spawn(disk.run, work, orphaned=orphans.append)
    gevent.sleep(0)
    began.wait(10)
    asked.kill()
    answer.set()
    assert disk.run(lambda: list(orphans)) == ["rows"]
    disk.close()


def test_a_caller_killed_after_the_work_was_done_leaves_no_result_either() -> None:
    """Between the worker's end and the caller's turn, too: the result goes to one of the two."""
    disk, orphans, done = Disk(), [], []

    def work(number: int) -> int:
        done.append(number)
        return number

    for number in range(200):
        asked = gevent.spawn(disk.run, partial(work, number), orphaned=orphans.append)
        gevent.sleep(0)
        sum(range(number * 20))  # from before the work's begin to well after its end
        asked.kill()
        if asked.value == number:
            orphans.append(number)
    disk.run(int)
    assert sorted(orphans) == done
    disk.close()


def kill_after_work(disk: Disk, orphaned: Callable[[str], object]) -> None:
    """Kill a caller whose work is done, before it has its next turn."""
    is_done = threading.Event()
    asked = gevent.spawn(disk.run, lambda: "rows", orphaned=orphaned)
    gevent.spawn(disk.run, is_done.set)
    gevent.sleep(0)
    is_done.wait(10)
    asked.kill()


def test_a_result_that_nobody_took_is_cared_for() -> None:
    """The work was done, and its caller is killed before its turn comes."""
    disk, orphans = Disk(), []
    kill_after_work(disk, orphans.append)
    assert disk.run(lambda: list(orphans)) == ["rows"]
    disk.close()


def test_an_orphan_that_cannot_be_cared_for_ends_nothing() -> None:
    """The thread has others' work to do."""
    disk = Disk()
    kill_after_work(disk, orphaned=int)  # raises ValueError
    assert disk.run(lambda: "alive") == "alive"
    disk.close()


def test_any_thread_may_ask() -> None:
    """A thread without a hub does the work itself; one of gevent's pool, and one with a hub of its own, too."""
    disk = Disk()
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(disk.run(lambda: 1))) for _ in range(5)]

    def with_hub() -> None:
        gevent.sleep(0)
        results.append(disk.run(lambda: 1))
        gevent.get_hub().destroy(destroy_loop=True)

    threads += [threading.Thread(target=with_hub) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ThreadPool(1).apply(lambda: disk.run(lambda: 1)) == 1
    assert results == [1] * 10
    disk.close()


def test_the_hub_itself_may_ask() -> None:
    """Where nothing can wait, the work is done on the spot."""
    disk, seen, done = Disk(), [], Event()

    def in_hub() -> None:
        seen.append(disk.run(threading.get_ident))
        done.set()

    gevent.get_hub().loop.run_callback(in_hub)
    assert done.wait(10)
    assert seen == [threading.get_ident()]
    disk.close()


def test_only_one_piece_of_work_at_a_time() -> None:
    """Whoever does it: the worker of this client or another's, or a thread by itself."""
    disks, inside, most = [Disk(), Disk()], 0, 0

    def work() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        sum(range(10_000))
        inside -= 1

    threads = [threading.Thread(target=disks[0].run, args=(work,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    gevent.joinall([gevent.spawn(disk.run, work) for disk in disks for _ in range(50)])
    for thread in threads:
        thread.join()
    assert most == 1
    for disk in disks:
        disk.close()


def test_work_that_a_signal_handler_interrupts_is_not_waited_for() -> None:
    """It would wait for itself: it is told that the disk is busy."""
    disk, seen = Disk(), []

    def interrupted() -> None:
        with pytest.raises(SpoolError) as caught:
            disk.run(int)
        seen.append(caught.value.reason)

    thread = threading.Thread(target=disk.run, args=(interrupted,))
    thread.start()
    thread.join()
    assert seen == ["busy"]
    disk.close()


def test_a_fork_waits_for_the_work_under_way() -> None:
    """And lets none begin until it is over."""
    disk, began, answer, order = Disk(), threading.Event(), threading.Event(), []

    def work() -> None:
        began.set()
        answer.wait()
        order.append("work")

    asked = gevent.spawn(disk.run, work)
    gevent.sleep(0)
    began.wait(10)
    threading.Timer(0, answer.set).start()
    disk_module.before_fork()
    order.append("fork")
    later = gevent.spawn(disk.run, lambda: order.append("later"))
    gevent.sleep(0)
    assert order == ["work", "fork"]
    disk_module.after_fork_in_parent()
    gevent.joinall([asked, later], timeout=10)
    assert order == ["work", "fork", "later"]
    disk.close()


def test_a_forked_child_has_a_thread_of_its_own() -> None:
    """The hooks leave it free to work, and the parent too; one that ran no hooks likewise."""
    code = """
import os, sys, gevent, threading
from segment_gevent.delivery.spool import disk as module
disk = module.Disk()
disk.run(int)
if {hooks}:
    os.register_at_fork(before=module.before_fork, after_in_parent=module.after_fork_in_parent,
                        after_in_child=module.after_fork_in_child)
child = os.fork()
if child == 0:
    gevent.reinit()
    os._exit(disk.run(lambda: 7))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), disk.run(lambda: 8))
"""
    for hooks in (True, False):
        assert python(code.format(hooks=hooks)) == "7 8"


def test_a_result_is_no_orphan_of_a_forked_child() -> None:
    """Work is done as its caller's process forks: the parent's caller takes the result, whatever the child's does."""
    code = """
import os, threading, gevent
from segment_gevent.delivery.spool.disk import Disk
disk, orphans, is_done = Disk(), [], threading.Event()
asked = gevent.spawn(disk.run, lambda: "rows", orphaned=orphans.append)
gevent.spawn(disk.run, is_done.set)
gevent.sleep(0)
is_done.wait()
child = os.fork()
if child == 0:
    gevent.reinit()
    disk.abandon()
    asked.kill()
    disk.run(int)
    os._exit(len(orphans))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), asked.get(), orphans)
"""
    assert python(code) == "0 rows []"


def test_work_at_the_interpreters_end() -> None:
    """From an exit handler, with the thread running, not yet started, or the hub destroyed."""
    code = """
import atexit, gevent
from segment_gevent.delivery.spool.disk import Disk
disk = Disk()
gevent.get_hub()
if {started}:
    disk.run(int)
if {destroyed}:
    gevent.get_hub().destroy(destroy_loop=True)
atexit.register(lambda: print(disk.run(lambda: "done")))
"""
    for started in (True, False):
        for destroyed in (True, False):
            assert python(code.format(started=started, destroyed=destroyed)) == "done"


def test_a_patched_process() -> None:
    """The thread, its queue and the lock are native whether or not the application patched, first or later."""
    code = """
{first}
import gevent
from segment_gevent.delivery.spool.disk import Disk
disk = Disk()
{later}
gevent.get_hub()
native = gevent.monkey.get_original("_thread", "get_ident")
assert disk.run(native) != native()
print(disk.run(lambda: "done"))
"""
    patch = "import gevent.monkey; gevent.monkey.patch_all()"
    assert python(code.format(first=patch, later="")) == "done"
    assert python(code.format(first="import gevent.monkey", later=patch)) == "done"


def test_a_dropped_disk_ends_its_thread() -> None:
    """So does a closed one; the next work starts another."""
    disk = Disk()
    threads = {disk.run(threading.get_ident) for _ in range(3)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    disk.close()
    while threads & set(sys._current_frames()):
        gevent.sleep(0)
    threads = {disk.run(threading.get_ident)}
    assert threads <= set(sys._current_frames())
    del disk
    while threads & set(sys._current_frames()):
        gevent.sleep(0)


def test_importing_it_starts_nothing() -> None:
    """No thread, no hub."""
    code = """
import sys
import segment_gevent.delivery.spool.disk
from segment_gevent.delivery.spool.disk import Disk
from gevent._hub_local import get_hub_if_exists
Disk()
print(get_hub_if_exists(), len(sys._current_frames()))
"""
    assert python(code) == "None 1"
