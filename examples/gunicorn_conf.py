"""gunicorn --chdir examples -c examples/gunicorn_conf.py app:application"""

from segment_gevent.contrib.gunicorn import post_worker_init, worker_exit  # noqa: F401

bind = "127.0.0.1:8000"
worker_class = "gevent"
workers = 2
preload_app = True
