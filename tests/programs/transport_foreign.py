"""Forks between two requests of one connection pool, and says what the child's came to: PORT."""

import os
import sys
import warnings
from weakref import WeakSet

from segment_gevent.delivery.http.connections import pool_classes
from segment_gevent.delivery.sockets import ForeignConnectionError

warnings.simplefilter("ignore", DeprecationWarning)  # Python's, about a fork beside gevent's threadpool
pool = pool_classes(WeakSet())["http"]("127.0.0.1", int(sys.argv[1]))
assert pool.request("POST", "/", body=b"parent", retries=False).status == 200
child = os.fork()
if child == 0:
    try:
        pool.request("POST", "/", body=b"child", retries=False)
    except Exception as error:
        os._exit(42 if isinstance(error.args[1], ForeignConnectionError) else 1)
    os._exit(2)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
assert pool.request("POST", "/", body=b"parent again", retries=False).status == 200
pool.close()
