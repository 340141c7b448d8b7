"""Relays for tests: as processes, and within the test's own hub."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from servers.program import Process

from segment_gevent import Options
from segment_gevent.redis_url import parse
from segment_gevent.relay.relay import Relay
from segment_gevent.relay.settings import Settings


def relay_process(url: str, *arguments: str, ready: bool = True) -> Process:
    """`segment-gevent relay`, which claims early and serves no pages unless told otherwise."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "segment_gevent", "relay"]
    if "--listen" not in arguments:
        command += ["--listen", ""]
    process = Process([*command, *arguments], {"SEGMENT_OUTBOX": url})
    if ready:
        process.line("relaying")
    return process


def make_relay(url: str, **settings: Any) -> Relay:
    """A relay that fills its batches for a moment only."""
    options = Options(enabled=False, gzip=True, outbox="", **settings.pop("options", {}))
    return Relay(
        Settings(parse("outbox", url), options, **{"linger": 0.02, **settings}), logging.getLogger("segment_gevent")
    )


@contextmanager
def running(url: str, **settings: Any) -> Iterator[Relay]:
    """A relay in this hub, stopped at the end; its failure is the test's."""
    relay = make_relay(url, **settings)
    greenlet = gevent.spawn(relay.run)
    try:
        yield relay
    finally:
        relay.stop()
        code = greenlet.get(timeout=40)
    assert code == 0
