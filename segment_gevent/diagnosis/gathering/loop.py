"""Facts of gevent in the calling thread."""

from __future__ import annotations

import os
import time

import gevent

from segment_gevent.delivery import lifecycle
from segment_gevent.diagnosis.facts import Loop

TURNS = 5


def loop() -> Loop:
    """Makes the thread's hub if there is none, and switches greenlets, unless called in the hub itself."""
    try:
        hub = gevent.get_hub()
        resolver = gevent.config.resolver
    except Exception as error:
        asked = {name: os.environ[name] for name in ("GEVENT_LOOP", "GEVENT_RESOLVER") if name in os.environ}
        named = ", ".join(f"{name}={value}" for name, value in asked.items())
        return Loop(problem=f"{named or 'gevent'}: {type(error).__name__}: {error}")
    pool = hub.threadpool
    return Loop(
        loop=type(hub.loop).__module__.removeprefix("gevent."),
        resolver=_name(resolver),
        threads=pool.maxsize,
        busy=len(pool),
        turn=None if lifecycle.in_hub() else max(_turn() for _ in range(TURNS)),
    )


def _name(resolver: type) -> str:
    """As GEVENT_RESOLVER has it."""
    short = resolver.__module__.rpartition(".")[2]
    ours = {"blocking": "block", "thread": "thread", "ares": "ares", "dnspython": "dnspython"}
    return ours.get(short, f"{resolver.__module__}.{resolver.__qualname__}")


def _turn() -> float:
    begin = time.monotonic()
    lifecycle.turn()
    return time.monotonic() - begin
