"""Celery: a task tracks for whoever published it, and the worker delivers before it ends.

    celery --workdir examples -A celery_app worker --pool gevent
    python examples/celery_app.py ilya@example.org 1017

The second publishes a task, as a request would. Both take the write key from `SEGMENT_WRITE_KEY`, and `SEGMENT_HOST` if
that is set; the broker is `BROKER_URL`, a Redis on this machine unless it is set.
"""

import os
import sys

from celery import Celery

import segment_gevent as segment
from segment_gevent.contrib import celery as segment_celery

app = Celery("shop", broker=os.environ.get("BROKER_URL", "redis://127.0.0.1:6379/0"))
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)
segment.initialize()
segment_celery.connect()


@app.task(name="send_receipt")
def send_receipt(order_id):
    """Whose order it is, and from where it came, was bound by who published the task, and came along with it."""
    segment.track(event="Receipt Sent", properties={"order_id": order_id})


def complete_order(user_id, order_id):
    """What a request of the shop does; there, `SegmentMiddleware` binds its address, and the log-in its user."""
    with segment.bound_context(ip="198.51.100.7"):
        segment.bind_user(user_id)
        segment.track(event="Order Completed", properties={"order_id": order_id})
        send_receipt.delay(order_id)


if __name__ == "__main__":
    complete_order(*sys.argv[1:])
