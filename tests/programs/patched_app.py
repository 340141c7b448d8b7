"""The example application, in a module that patches first, as its authors may."""

import gevent.monkey

gevent.monkey.patch_all()

from app import application  # noqa: E402, F401
