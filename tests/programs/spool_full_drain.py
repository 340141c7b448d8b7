"""A full disk has no room for what a deletion writes: DIRECTORY SCOPE, and OWN or LEFT, whose messages are sent.

Prints, as JSON, how many were claimed, and what is in the directory while the disk is full still.
"""

import json
import os
import resource
import sys

from segment_gevent.delivery.spool.store import Store

directory, scope, whose = sys.argv[1:]
store = Store(directory, scope)
store.add([(ordinal, b"x" * 4000) for ordinal in range(60)], owned=False)
if whose == "left":
    store.close()
rows = store.claim(1 << 20, 2500)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
store.settle([row.id for row in rows])
store.close()
json.dump({"claimed": len(rows), "files": os.listdir(directory)}, sys.stdout)
