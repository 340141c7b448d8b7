"""Tracks from native threads, whatever is patched, while the main thread waits natively and its hub never turns."""

import gevent.monkey
from beginning import begin, track

segment = begin()
start_new_thread = gevent.monkey.get_original("_thread", "start_new_thread")
allocate_lock = gevent.monkey.get_original("_thread", "allocate_lock")
results = []


def work(number, over):
    try:
        track(segment, f"thread {number}", range(200))
        results.append(segment.flush(20))
        track(segment, f"thread {number}", range(200, 250))
    finally:
        over.release()


locks = []
for number in range(4):
    lock = allocate_lock()
    lock.acquire()
    locks.append(lock)
    start_new_thread(work, (number, lock))
for lock in locks:
    lock.acquire()
assert results == [True] * 4, results
