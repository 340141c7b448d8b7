"""Tracks while 10 greenlets run 40 short children by gevent.subprocess."""

import gevent
import gevent.subprocess
from beginning import begin, track

segment = begin()


def run(number):
    for turn in range(4):
        track(segment, f"greenlet {number}", range(turn * 25, turn * 25 + 20))
        assert gevent.subprocess.call(["true"]) == 0
        track(segment, f"greenlet {number}", range(turn * 25 + 20, turn * 25 + 25))


gevent.joinall([gevent.spawn(run, number) for number in range(10)], raise_error=True)
