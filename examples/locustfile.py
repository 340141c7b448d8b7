"""Locust: a load test whose users track what they see, and which ends only after everything was delivered.

    locust -f examples/locustfile.py --headless --users 50 --run-time 30s --host http://127.0.0.1:8000

It visits the application of the other examples. The write key is taken from `SEGMENT_WRITE_KEY`, and `SEGMENT_HOST` if
that is set.
"""

from itertools import count
from uuid import uuid4

from locust import HttpUser, between, events, task

import segment_gevent as segment

numbers = count(1)


@events.init.add_listener
def begin(**_):
    """In each process of the load test, after Locust has patched it and before its first user comes."""
    segment.initialize()


@events.quitting.add_listener
def end(environment, **_):
    """What waits is delivered; where that fails, so has the load test."""
    if not segment.flush():
        environment.process_exit_code = 1


class Visitor(HttpUser):
    """Someone who reads one page after another. Each is a greenlet, and what it binds is its own."""

    wait_time = between(0.05, 0.2)

    def on_start(self):
        self.name = str(uuid4())
        segment.bind_user(session_id=self.name)

    @task
    def read(self):
        path = f"/article/{next(numbers)}"
        answer = self.client.get(path, name="/article", headers={"X-Visitor": self.name})
        milliseconds = answer.elapsed.total_seconds() * 1000
        segment.track(event="Article Read", properties={"path": path, "milliseconds": milliseconds})
