"""A process that forks while its spool is open, adds some more and ends, as a daemon's parent: DIRECTORY SCOPE.

Its child says what it can claim while the parent lives, and again for each line that it reads, as JSON. It settles
nothing; at the end of its input it ends.
"""

import json
import os
import sys

from segment_gevent.delivery.spool.store import Store

directory, scope = sys.argv[1:]
store = Store(directory, scope)
store.add([(ordinal, b"%d" % ordinal) for ordinal in range(10)], owned=True)
reader, writer = os.pipe()
if os.fork():
    os.close(writer)
    os.read(reader, 1)
    store.add([(ordinal, b"%d" % ordinal) for ordinal in range(10, 20)], owned=True)
    os._exit(0)


def claim() -> None:
    print(json.dumps([int(row.body) for row in store.claim(1 << 20, 100)]), flush=True)


store.abandon()
claim()
os.close(writer)
for _ in sys.stdin:
    claim()
store.close()
