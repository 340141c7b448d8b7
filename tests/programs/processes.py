"""Tracks in children of multiprocessing, which end without the interpreter's exit handlers: … METHOD."""

import multiprocessing
import sys

from beginning import begin, track

segment = begin()


def work(number):
    track(segment, f"child {number}", range(200))


if __name__ == "__main__":
    track(segment, "parent", range(300))
    context = multiprocessing.get_context(sys.argv[4])
    children = [context.Process(target=work, args=(number,)) for number in range(2)]
    for child in children:
        child.start()
    track(segment, "parent", range(300, 400))
    for child in children:
        child.join()
        assert child.exitcode == 0, child
    track(segment, "parent", range(400, 500))
