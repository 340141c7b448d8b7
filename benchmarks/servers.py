"""Whom a subject sends to, as the runner sees it: a sink in a process of its own, or a port where nobody listens."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.sink import Counts

SUBJECT_CORE, SINK_CORE = 0, -1
"""Of the cores that this process may use, the first and the last: two, where there are two."""


def pin(core: int) -> None:
    """Keep this process on one core."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core]})


class Server:
    """Where to send to, and what arrived there once the context has ended."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.counts = Counts()


@contextmanager
def server(kind: str) -> Iterator[Server]:
    """A server that is `live`, `silent` or `refused`."""
    with _refusing() if kind == "refused" else _sink(kind) as made:
        yield made


@contextmanager
def _refusing() -> Iterator[Server]:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # taken, so that nobody else listens there
        yield Server(unheard.getsockname()[1])


@contextmanager
def _sink(kind: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sink", kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: pin(SINK_CORE),
    )
    assert process.stdout
    try:
        made = Server(int(process.stdout.readline()))
        yield made
        counts, _ = process.communicate(timeout=10)
        made.counts = Counts(**json.loads(counts))
    finally:
        process.kill()
        process.wait()
