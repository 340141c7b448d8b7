"""A Celery application: a task that binds and publishes, one that tracks, one that fails, one that binds for good."""

import os

import celery
from celery.utils.log import get_task_logger

import segment_gevent as segment
from segment_gevent.contrib import celery as segment_celery

log = get_task_logger(__name__)
app = celery.Celery("celery_tasks", broker=os.environ["BROKER"])
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)
segment.initialize()
segment_celery.connect()


@app.task(name="visit")
def visit(number):
    """What a request does: whose it is was bound, and the work is left to a task."""
    segment.bind_context(ip=f"192.0.2.{number}", page={"path": "/buy"})
    segment.bind_user(lambda: number, session_id=f"visitor-{number}")
    buy.delay(number)


@app.task(name="buy")
def buy(number):
    """Track under the publisher's bindings."""
    segment.track(event="Bought", properties={"n": number})
    log.info("bought %s", number)


@app.task(name="alone")
def alone():
    """Track with nothing bound, after tasks that bound something in this process."""
    segment.track(user_id="nobody", event="Alone")


@app.task(name="fail")
def fail():
    """Bind for as long as it takes, and fail."""
    segment.bind_context(ip="198.51.100.7")
    raise KeyError("on purpose")
