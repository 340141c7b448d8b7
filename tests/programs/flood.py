"""Tracks far more than the queue holds while nothing is answered: OVERFLOW DIRECTORY. Prints how memory grew, as JSON.

Figures are in bytes; `grown` is the peak of the process's resident memory beyond what it was before the flood.
"""

import json
import resource
import sys

import gevent
from gevent.event import Event

import segment_gevent as segment

overflow, directory = sys.argv[1:]
MAX_QUEUE_BYTES = 8 << 20
CALLS = {"block": 12_000}.get(overflow, 150_000)
TEXT = "x" * 1_000


class Silent:
    """Never answers."""

    def send(self, body, headers):
        Event().wait()

    def close(self):
        pass


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


client = segment.Client(
    "write-key",
    transport=Silent(),
    overflow=overflow,
    block_timeout=0.0001,
    **({"spool_dir": directory} if overflow == "spool" else {}),
    max_queue_bytes=MAX_QUEUE_BYTES,
    max_queue_size=1_000_000,
    log=False,
)
for _ in range(100):
    client.track("s", event="E", properties={"text": TEXT})
gevent.sleep(0)
before = peak()
for _ in range(CALLS):
    client.track("s", event="E", properties={"text": TEXT})
stats = client.stats
json.dump(
    {
        "grown": peak() - before,
        "max_queue_bytes": MAX_QUEUE_BYTES,
        "tracked": CALLS * len(TEXT),
        "lost": stats.submitted - stats.delivered - stats.failed - stats.dropped - stats.spooled - stats.pending,
        "dropped": stats.dropped,
        "spooled": stats.spooled,
    },
    sys.stdout,
)
sys.stdout.flush()
client.shutdown(0)
