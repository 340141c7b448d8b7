"""What `uwsgi --import` imports: it says when a worker's loop turns. What it is told before that uWSGI may forget."""

import os

import uwsgi
from gevent import get_hub


def say_when_it_turns() -> None:
    get_hub().loop.run_callback(os.write, 2, b"The worker is ready\n")


if uwsgi.worker_id() > 0:  # with --lazy-apps
    say_when_it_turns()
else:
    uwsgi.post_fork_hook = say_when_it_turns
