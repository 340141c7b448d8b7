"""A process that adds three times as much to a spool as fits, 20 messages at a time: DIRECTORY SCOPE MAX_BYTES.

Begins with the first line that it reads, and says when it is done; it keeps its file until its input ends.
"""

import sys

from segment_gevent.delivery.spool.store import Store

directory, scope, max_bytes = sys.argv[1:]
store = Store(directory, scope, max_bytes=int(max_bytes))
sys.stdin.readline()
for first in range(0, 3 * int(max_bytes) // 1_000, 20):
    store.add([(ordinal, b"%01000d" % ordinal) for ordinal in range(first, first + 20)], owned=False)
    store.take_news()
print("done", flush=True)
sys.stdin.readline()
store.close()
