"""A worker that sends what others left in a spool: URL DIRECTORY [MESSAGES [MODE]]. Prints its stats as JSON.

It looks until it has replayed MESSAGES, or, without, until there is nothing on disk. With MODE `ready` it first says
how many it replayed in its first looks.
"""

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()

import dataclasses
import json
import sys

import gevent

import segment_gevent as segment
from segment_gevent.delivery.spool import inventory

url, directory, *options = sys.argv[1:]
client = segment.Client("write-key", host=url, spool_dir=directory, shutdown_timeout=5, log=False)


def look() -> None:
    client.look()
    gevent.sleep(0.02)


if options[1:] == ["ready"]:
    for _ in range(20):
        look()
    print("ready", client.stats.replayed, flush=True)


def has_more() -> bool:
    if options:
        return client.stats.replayed < int(options[0])
    return any(file.state == "left" for file in inventory.status(directory)) or any(inventory.messages(directory))


while has_more():
    look()
client.shutdown()
stats = dataclasses.asdict(dataclasses.replace(client.stats, dropped_by_reason={}))
print(json.dumps(stats), flush=True)
