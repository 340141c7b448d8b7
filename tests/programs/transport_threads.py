"""Sends from one short-lived thread after the other, and prints the open sockets after each: URL."""

import json
import os
import sys
import threading

import gevent

from segment_gevent.delivery.transport import HttpTransport

transport = HttpTransport(sys.argv[1], proxies={})


def send_one() -> None:
    transport.send(b"{}", {})
    gevent.get_hub().destroy()


def open_sockets() -> int:
    links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
    return sum(os.readlink(link).startswith("socket:") for link in links if os.path.islink(link))


counts = []
for _ in range(3):
    thread = threading.Thread(target=send_one)
    thread.start()
    thread.join()
    counts.append(open_sockets())
json.dump(counts, sys.stdout)
