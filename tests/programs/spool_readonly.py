"""A user who may read a spool's directory but not write there: DIRECTORY SCOPE. Prints the reasons of the errors."""

import json
import os
import sys

from segment_gevent.delivery.spool.store import SpoolError, Store

directory, scope = sys.argv[1:]
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
reasons = []
store = Store(directory, scope)
for work in (lambda: store.add([(0, b"x")], owned=False), lambda: store.claim(1000, 10)):
    try:
        work()
        reasons.append("none")
    except SpoolError as error:
        reasons.append(error.reason)
json.dump(reasons, sys.stdout)
