"""Tracks from native threads that each run greenlets in a hub of their own, while the main thread's hub works too."""

import gevent
import gevent.event
import gevent.monkey
from beginning import begin, track

segment = begin()
start_new_thread = gevent.monkey.get_original("_thread", "start_new_thread")
results = []
everyone = gevent.get_hub().loop.async_()
done = gevent.event.Event()


def work(thread):
    def in_greenlet(number):
        for start in range(0, 100, 10):
            track(segment, f"thread {thread} greenlet {number}", range(start, start + 10))
            gevent.sleep(0)

    try:
        gevent.joinall([gevent.spawn(in_greenlet, number) for number in range(4)], raise_error=True)
        results.append(segment.flush(20))
        gevent.get_hub().destroy()
    finally:
        results.append("over")
        everyone.send()


def look():
    if results.count("over") == 3:
        done.set()


everyone.start(look)
for thread in range(3):
    start_new_thread(work, (thread,))
for start in range(0, 200, 10):
    track(segment, "main", range(start, start + 10))
    gevent.sleep(0)
done.wait(30)
everyone.stop()
assert results.count(True) == 3, results
