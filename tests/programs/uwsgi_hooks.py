"""The example application in a module that uses uWSGI's own hooks, as applications do."""

import os

import uwsgi

uwsgi.atexit = lambda: os.write(2, b"the application's own exit hook ran\n")

from app import application  # noqa: E402, F401
