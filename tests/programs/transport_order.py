"""Sends three batches while another greenlet takes 1,000 turns, patched as told: never|first|last URL CA CONTROL_PORT.

The server answers once the control port was called, which the other greenlet does after its last turn.
"""

# ruff: noqa: E402

import json
import sys
import warnings

warnings.simplefilter("ignore")  # gevent's: of patching late, and of pkg_resources in its older versions
order, url, bundle, control_port = sys.argv[1:]
if order == "first":
    import gevent.monkey

    gevent.monkey.patch_all()
if order == "last":
    import ssl  # noqa: F401

    import gevent.monkey
    import requests  # noqa: F401

    gevent.monkey.patch_all()

import gevent
import gevent.socket

from segment_gevent.delivery.transport import HttpTransport

transport = HttpTransport(url, timeout=(5, 20), verify=bundle)


def take_turns() -> None:
    for _ in range(1000):
        gevent.sleep(0.001)
    gevent.socket.create_connection(("127.0.0.1", int(control_port))).close()


other = gevent.spawn(take_turns)
statuses = [transport.send(b"{}", {}).status_code for _ in range(3)]
other.get()
transport.close()
json.dump(statuses, sys.stdout)
