"""A process whose hub turns at its end alone, as that of gunicorn's master: one client sends then, one has a spool."""

import sys

from segment_gevent import Client

host, directory = sys.argv[1:]
sender = Client("write-key", host=host)
idle = Client("write-key", host=host, spool_dir=directory)
assert sender.track(user_id="ends", event="Counted", properties={"n": 0})
