"""The command `segment-gevent spool` in a process of its own, and what it works on."""

from __future__ import annotations

import os
import sys

from gevent import subprocess  # so that servers in the test's hub go on answering

import segment_gevent
from segment_gevent import Client
from segment_gevent.testing import ScriptedTransport

ROOT = os.path.dirname(segment_gevent.__path__[0])


def spool(*arguments: str, code: int = 0, **environment: str) -> str:
    """What the command said on stdout, then on stderr."""
    ended = subprocess.run(
        [sys.executable, "-m", "segment_gevent", "spool", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": ROOT, "SEGMENT_WRITE_KEY": "", "SEGMENT_HOST": "", **environment},
    )
    assert ended.returncode == code, ended
    assert "Traceback" not in ended.stderr
    return str(ended.stdout + ended.stderr)


def leave(directory: str, *events: str, host: str = "https://api.segment.io") -> None:
    """A process's messages that it could not deliver."""
    with Client(
        "write-key", host=host, transport=ScriptedTransport(503), max_retries=0, spool_dir=directory, log=False
    ) as client:
        for event in events:
            client.track("s", "ilya", event)
    assert client.stats.spooled == len(events)
