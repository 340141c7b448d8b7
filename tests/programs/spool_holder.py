"""A process that keeps adding to a spool until it is killed: DIRECTORY SCOPE.

Says, a line at a time, how many messages are on disk; goes on when a line is read.
"""

import sys

from segment_gevent.delivery.spool.store import Store

directory, scope = sys.argv[1:]
store = Store(directory, scope)
added = 0
for _ in sys.stdin:
    store.add([(ordinal, b'{"messageId":"%d"}' % ordinal) for ordinal in range(added, added + 10)], owned=True)
    added += 10
    print(added, flush=True)
