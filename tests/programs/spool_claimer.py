"""A process that claims all that it can get, 20 messages at a time, from when a line is read: DIRECTORY SCOPE.

Prints the bodies it got, as JSON.
"""

import json
import sys

from segment_gevent.delivery.spool.store import Store

directory, scope = sys.argv[1:]
store = Store(directory, scope)
print("ready", flush=True)
sys.stdin.readline()
got = []
while rows := store.claim(500_000, 20):
    got += [row.body.decode() for row in rows]
    store.settle([row.id for row in rows])
json.dump(got, sys.stdout)
