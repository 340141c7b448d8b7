"""Calls from places where little is allowed, and waits that hold up nobody: … HOW."""

import itertools
import signal
import sys

from beginning import begin, track

segment = begin()

import gevent  # noqa: E402
import gevent.event  # noqa: E402
import gevent.monkey  # noqa: E402

start_new_thread = gevent.monkey.get_original("_thread", "start_new_thread")
allocate_lock = gevent.monkey.get_original("_thread", "allocate_lock")


def thousand_turns():
    """The server withholds its answer until the other greenlet has said that it took its turns."""
    turns = 0

    def take_turns():
        nonlocal turns
        for _ in range(1000):
            gevent.sleep(0.0001)
            turns += 1
        print("1000 turns", flush=True)

    track(segment, "turns", range(100))
    taker = gevent.spawn(take_turns)
    assert segment.flush(30)
    assert turns == 1000, turns
    taker.get()


def in_hub():
    """Calls from the hub itself, where no wait is possible."""
    answers = []

    def call():
        track(segment, "hub", range(100))
        answers.append(segment.flush())

    gevent.get_hub().loop.run_callback(call)
    gevent.sleep(0)
    assert answers == [False], answers
    assert segment.flush(20)
    gevent.get_hub().loop.run_callback(lambda: answers.append(segment.shutdown(20)))
    gevent.sleep(0)
    assert answers == [False, False], answers
    assert not segment.track(user_id="hub", event="Refused")


def in_hub_synchronously():
    segment.initialize("write-key", host=sys.argv[2], verify=sys.argv[3] or None, async_=False, flush_at=5)
    gevent.get_hub().loop.run_callback(track, segment, "hub", range(100))
    gevent.sleep(0)
    assert segment.flush(20)


def in_signal_handlers():
    """A timer's signal comes every millisecond, in whichever greenlet runs or in the hub, in the middle of anything."""
    numbers = iter(range(300))  # a handler may itself be interrupted
    handled = []

    def handle(signum, frame):
        for number in itertools.islice(numbers, 1):
            track(segment, "handler", [number])
            handled.append(number)

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)

    def keep_tracking(number):
        for start in range(0, 2000, 10):
            track(segment, f"greenlet {number}", range(start, start + 10))
            gevent.sleep(0.001)

    gevent.joinall([gevent.spawn(keep_tracking, number) for number in range(3)], raise_error=True)
    while len(handled) < 300:
        gevent.sleep(0.001)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert segment.flush(20)


def blocked_main():
    """The hub turned once, and then the main thread blocks natively while native threads track and flush."""
    track(segment, "main", range(100))
    assert segment.flush(20)
    answers = []

    def work(number, over):
        try:
            track(segment, f"thread {number}", range(100))
            answers.append(segment.flush(20))
        finally:
            over.release()

    locks = [allocate_lock() for _ in range(3)]
    for number, lock in enumerate(locks):
        lock.acquire()
        start_new_thread(work, (number, lock))
    for lock in locks:
        lock.acquire()
    assert answers == [True] * 3, answers


def thread_wakes_hub():
    """The home hub idles: a native thread's messages wake it, long before any timer would."""
    told = gevent.event.Event()
    track(segment, "main", range(1))
    assert segment.flush(20)
    segment.on_success(lambda *_: told.set())
    start_new_thread(track, (segment, "thread", range(100)))
    assert told.wait(9), "woken by the threshold, not by the timer of 10 seconds"
    assert segment.flush(20)


def idle():
    """gevent.wait() returns while the client idles, before, between and after deliveries."""
    assert gevent.wait(timeout=20)
    for turn in range(3):
        track(segment, "idle", range(turn * 100, turn * 100 + 100))
        assert gevent.wait(timeout=20)
    gevent.get_hub().join(timeout=20)


globals()[sys.argv[4]]()
