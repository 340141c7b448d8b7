"""Tracks 100 with a server that is gone, or says nothing, and ends: … WHEN SHUTDOWN_TIMEOUT."""

import atexit
import json
import sys

segment = None


@atexit.register  # before the client's own handler, and so after it
def tell():
    stats = segment.stats
    counts = {name: getattr(stats, name) for name in ("submitted", "delivered", "failed", "dropped", "pending")}
    print(json.dumps({**counts, "reasons": dict(stats.dropped_by_reason)}), flush=True)


from beginning import begin, track  # noqa: E402

when, seconds = sys.argv[4:]
segment = begin(shutdown_timeout=float(seconds), timeout=60, send_timeout=60)

import gevent  # noqa: E402

track(segment, "gone", range(100))
if when == "in-flight":
    gevent.sleep(0.05)
elif when == "after-flush":
    assert not segment.flush(0.2)
    assert segment.stats.pending == 100
elif when == "from-thread":
    assert not gevent.get_hub().threadpool.apply(segment.flush, (0.2,))
