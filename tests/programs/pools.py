"""Tracks in the workers of a pool of processes: … KIND."""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

from beginning import begin, track

segment = begin()


def work(number):
    track(segment, f"task {number}", range(20))
    return os.getpid()


if __name__ == "__main__":
    kind = sys.argv[4]
    track(segment, "parent", range(100))
    if kind == "executor":
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as executor:
            list(executor.map(work, range(10)))
    else:
        pool = multiprocessing.get_context(kind).Pool(2)
        pool.map(work, range(10), chunksize=1)
        pool.close()  # and not terminate(), which is a SIGTERM to the workers
        pool.join()
    track(segment, "parent", range(100, 200))
