"""A disk that is full from some size on, and then is not: DIRECTORY SCOPE. Prints what happened, as JSON."""

import json
import resource
import sys

from segment_gevent.delivery.spool.store import SpoolError, Store

directory, scope = sys.argv[1:]
store = Store(directory, scope)
store.add([(0, b"0" * 100)], owned=False)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
reasons, stored = set(), [0]
for ordinal in range(1, 1000):
    try:
        store.add([(ordinal, b"x" * 4000)], owned=False)
        stored.append(ordinal)
    except SpoolError as error:
        reasons.add(error.reason)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
store.add([(2000, b"after")], owned=False)
claimed = []
while rows := store.claim(1 << 20, 2500):
    claimed += [row.id.ordinal for row in rows]
    store.settle([row.id for row in rows])
json.dump({"reasons": sorted(reasons), "stored": len(stored), "all": claimed == [*stored, 2000]}, sys.stdout)
store.close()
