"""Forks when a durable client is about to write: DIRECTORY. Prints what is on disk when the child has ended.

The child's first turn of the hub begins with the greenlet that writes: it was woken before the fork. What follows
there blocks for a while, so that a native thread of the child's gets to work.
"""

import os
import sys
import time

import gevent

import segment_gevent as segment
from segment_gevent.delivery.spool import inventory
from segment_gevent.testing import RecordingTransport

directory = sys.argv[1]
INTERVAL = 0.02
client = segment.Client(
    "write-key",
    transport=RecordingTransport(),
    spool_dir=directory,
    durable=True,
    journal_interval=INTERVAL,
    flush_at=1_000,
    flush_after=3_600,
)
client.track("s", event="Sent at once")
client.flush()
for number in range(20):
    client.track("s", event="Counted", properties={"n": number})
gevent.sleep(0)  # the greenlet that writes rests for the interval
gevent.spawn(time.sleep, 10 * INTERVAL)  # natively: its timer and the next one are both due then
gevent.sleep(2 * INTERVAL)
gevent.spawn(time.sleep, 10 * INTERVAL)
child = os.fork()
if child == 0:
    gevent.sleep(0)
    os._exit(0)
os.waitpid(child, 0)
print(len(list(inventory.messages(directory))) if os.path.exists(directory) else 0, flush=True)
assert client.shutdown()
