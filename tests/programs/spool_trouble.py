"""A disk that is full from some size on, or may not be written to, and then is well: KIND DIRECTORY. Prints JSON.

The counts while it failed, the counts afterwards, and every line of the log.
"""

import json
import logging
import os
import resource
import sys

import segment_gevent as segment
from segment_gevent.testing import ScriptedTransport

kind, directory = sys.argv[1:]
lines = []
handler = logging.Handler()
handler.emit = lambda record: lines.append(record.getMessage())
logging.getLogger("segment_gevent").addHandler(handler)
logging.getLogger("segment_gevent").propagate = False
SMALL = 300_000
BATCHES = 30


def counts():
    stats = client.stats
    known = stats.delivered + stats.failed + stats.dropped + stats.spooled + stats.pending
    return {"failed": stats.failed, "spooled": stats.spooled, "delivered": stats.delivered, "holds": known}


client = segment.Client("write-key", transport=ScriptedTransport(*[503] * 31), max_retries=0, spool_dir=directory)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
if kind == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, hard))
else:
    os.mkdir(directory, 0o500)
    if os.geteuid() == 0:
        os.chown(directory, 65534, 65534)
        os.setegid(65534)
        os.seteuid(65534)
for _ in range(BATCHES):
    client.track("s", event="while it fails", properties={"text": "x" * 25_000})
    client.flush()
while_it_failed = counts()
if kind == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
else:
    os.chmod(directory, 0o700)
client.track("s", event="again")
client.flush()
afterwards = counts()
client.track("s", event="delivered")
client.flush()
client.shutdown()
print(json.dumps({"failing": while_it_failed, "afterwards": afterwards, "end": counts(), "lines": lines}))
