"""A worker with a durable spool: URL DIRECTORY DURABLE COUNT RATE [ENDING].

Prints the number of each event that was accepted, and when, unbuffered: what a kill can't take back. DURABLE is `True`
or `sync`; with `sync` as many events as fit wait at once. At the end it exits, or waits to be killed if ENDING is
`stays`.
"""

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()

import os
import sys
import time

import gevent.pool

import segment_gevent as segment

url, directory, durable, count, rate, *ending = sys.argv[1:]
GROUP = 0.005
AT_ONCE = 40
segment.initialize(
    "write-key",
    host=url,
    spool_dir=directory,
    durable="sync" if durable == "sync" else True,
    shutdown_timeout=1,
    log=False,
)


def one(number: int) -> None:
    if segment.track(user_id="worker", event="Counted", properties={"n": number}):
        os.write(1, b"%d %.6f\n" % (number, time.monotonic()))


pool = gevent.pool.Pool(AT_ONCE)
began = time.monotonic()
for number in range(int(count)):
    if durable == "sync":
        pool.spawn(one, number)
    else:
        one(number)
    ahead = number / int(rate) - (time.monotonic() - began)
    if ahead > GROUP:
        gevent.sleep(ahead)
pool.join()
os.write(1, b"all\n")
if ending == ["stays"]:
    gevent.sleep(1_000)
