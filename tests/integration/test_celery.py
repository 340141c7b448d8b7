"""A Celery worker and a Redis broker: tasks track for those who published them, and a worker's end loses nothing."""

from __future__ import annotations

import signal
import sys

import celery
import pytest
from servers.arrivals import Arrivals
from servers.program import PROGRAMS, ROOT, Process

NUMBERS = range(1, 41)


@pytest.mark.parametrize("pool", ["gevent", "prefork"])
def test_tasks_track_for_those_who_published_them(arrivals: Arrivals, broker: str, pool: str) -> None:
    """Whose they are, and from where; what one binds the next one has not; and all is delivered at the worker's end."""
    command = [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "--pool", pool, "--concurrency", "2"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]
    path = f"{ROOT}:{PROGRAMS}"
    with Process(command, {**arrivals.environment, "PYTHONPATH": path, "BROKER": broker}) as worker:
        worker.line("celery@.* ready")
        with celery.Celery(broker=broker) as app:
            for number in NUMBERS:
                app.send_task("visit", [number])
            app.send_task("fail")
            app.send_task("fail")
            app.send_task("alone")
        for number in NUMBERS:
            worker.line(rf"bought {number}\b")
        worker.line(r"Task alone\S+ succeeded")
        worker.signal(signal.SIGTERM)
        assert worker.ended().code == 0
    bought = arrivals.messages("Bought")
    arrivals.compare([message["properties"]["n"] for message in bought], NUMBERS)
    for message in bought:
        number = message["properties"]["n"]
        assert (message["userId"], message["anonymousId"]) == (str(number), f"visitor-{number}")
        assert (message["context"]["ip"], message["context"]["page"]) == (f"192.0.2.{number}", {"path": "/buy"})
    (alone,) = arrivals.messages("Alone")
    assert (set(alone["context"]), alone.get("anonymousId")) == ({"library"}, None)
