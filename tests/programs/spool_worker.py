"""A worker with a durable spool: URL DIRECTORY DURABLE COUNT RATE [ENDING].

Prints the number of each event that was accepted, and when, unbuffered: what a kill can't take back; and "probe" with
the time, whenever a greenlet has rested for the journal's interval and had a native thread commit some rows. DURABLE is
`True` or `sync`; with `sync` as many events as fit wait at once. At the end it exits, or waits to be killed if ENDING
is `stays`.
"""

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()

import os
import sqlite3
import sys
import time

import gevent.pool
from gevent.threadpool import ThreadPool

import segment_gevent as segment

url, directory, durable, count, rate, *ending = sys.argv[1:]
GROUP = 0.005
AT_ONCE = 40
INTERVAL = 0.02
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


def probe(folder: str) -> None:
    native = ThreadPool(1)
    database = sqlite3.connect(f"{folder}/probe.db", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE rows (body BLOB)")
    rows = [(b"x" * 300,)] * AT_ONCE

    def commit() -> None:
        database.execute("BEGIN")
        database.executemany("INSERT INTO rows VALUES (?)", rows)
        database.execute("COMMIT")

    while True:
        os.write(1, b"probe %.6f\n" % time.monotonic())
        gevent.sleep(INTERVAL)
        native.apply(commit)


gevent.spawn(probe, os.path.dirname(directory))
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
