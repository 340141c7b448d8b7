"""The greenlets of this process."""

from __future__ import annotations

import gc

import gevent


def living_greenlets() -> set[gevent.Greenlet]:
    """By their type alone: to ask an object for its class would set up Django's lazy ones, left by other tests."""
    return {each for each in gc.get_objects() if issubclass(type(each), gevent.Greenlet) and not each.dead}
