"""Forks again and again while the disk is at work, and lets each child use the spool: DIRECTORY SCOPE FORKS.

Every child adds one message; every tenth ends as Python ends, with all its objects finalised, the rest at once. Prints
what became of the children, and what can be claimed at the end.
"""

import json
import os
import sys
import warnings

import gevent

from segment_gevent.delivery.spool import disk as disk_module
from segment_gevent.delivery.spool.disk import Disk
from segment_gevent.delivery.spool.store import Store

directory, scope, forks = sys.argv[1], sys.argv[2], int(sys.argv[3])
warnings.simplefilter("ignore", DeprecationWarning)  # Python's, about a fork beside another thread
os.register_at_fork(
    before=disk_module.before_fork,
    after_in_parent=disk_module.after_fork_in_parent,
    after_in_child=disk_module.after_fork_in_child,
)
store, disk = Store(directory, scope), Disk()
body = b'{"from":"parent","padding":"%s"}' % (b"x" * 500)
added = 0
is_over = False
claimed: list[bytes] = []


def claim(messages: int) -> int:
    rows = store.claim(1 << 20, messages)
    claimed.extend(row.body for row in rows)
    store.settle([row.id for row in rows])
    return len(rows)


def keep_adding() -> None:
    global added
    while not is_over:
        messages = [(ordinal, body) for ordinal in range(added, added + 20)]
        added += 20
        disk.run(lambda messages=messages: store.add(messages, owned=False))
        if added > 1000:
            disk.run(lambda: claim(20))


def be_a_child(number: int) -> None:
    gevent.reinit()
    for greenlet in adders:
        greenlet.kill(block=False)
    own, its_disk = Store(directory, scope), Disk()
    its_disk.run(lambda: own.add([(0, b'{"from":"child %d"}' % number)], owned=True))
    if number % 10 == 0:
        sys.exit(0)
    os._exit(0)


adders = [gevent.spawn(keep_adding) for _ in range(2)]
hung = failed = 0
for number in range(forks):
    gevent.sleep(0)
    child = os.fork()
    if child == 0:
        be_a_child(number)
    with gevent.Timeout(20, False):
        status = None
        while status is None:
            pid, ended = os.waitpid(child, os.WNOHANG)
            status = ended if pid else None
            gevent.sleep(0)
    if status is None:
        hung += 1
        os.kill(child, 9)
        os.waitpid(child, 0)
    failed += status not in (0, None)
is_over = True
gevent.joinall(adders)

while disk.run(lambda: claim(2500)):
    pass
children = sorted(int(row[15:-2]) for row in claimed if row != body)
disk.run(store.close)
json.dump(
    {
        "hung": hung,
        "failed": failed,
        "children": children == list(range(forks)),
        "parent": sum(row == body for row in claimed) == added,
        "left": os.listdir(directory),
    },
    sys.stdout,
)
