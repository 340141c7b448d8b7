"""Forks COUNT times with the spool at work, the children too: URL DIRECTORY COUNT. Prints how many events it sent."""

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()

import os
import sys

import gevent

import segment_gevent as segment

url, directory, count = sys.argv[1:]
segment.initialize(
    "write-key", host=url, spool_dir=directory, durable=True, journal_interval=0.001, shutdown_timeout=20
)
sent = number = 0


def work() -> None:
    global sent
    while True:
        for _ in range(20 if sent < 60 * (number + 10) else 0):  # the server remembers 100,000
            assert segment.track(user_id="parent", event="Counted", properties={"n": sent})
            sent += 1
        gevent.sleep(0.002)


worker = gevent.spawn(work)
for number in range(int(count)):
    child = os.fork()
    if child == 0:
        worker.kill(block=False)
        code = 1
        try:
            assert segment.track(user_id="child", event="Counted", properties={"n": number})
            if number % 4 == 0:
                assert segment.shutdown(20)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    gevent.sleep(0)
worker.kill()
assert segment.shutdown(20)
print("sent", sent, flush=True)
