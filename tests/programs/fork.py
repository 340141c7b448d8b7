"""Forks with a connection open, a batch on its way and a full queue; parent and child track on and end normally."""

import os

import gevent
from beginning import begin, track

segment = begin()
track(segment, "parent", range(10))
assert segment.flush(20)
track(segment, "parent", range(10, 20))
gevent.sleep(0)  # the flusher takes its batch
track(segment, "parent", range(20, 600))
child = os.fork()
if child == 0:
    assert segment.default_client.stats.pending == 0
    track(segment, "child", range(300))
else:
    track(segment, "parent", range(600, 700))
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    track(segment, "parent", range(700, 800))
