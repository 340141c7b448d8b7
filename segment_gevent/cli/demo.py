"""`segment-gevent demo`: a local Segment, a gevent web server that sends to it, visitors, and a report.

Three processes, so that each measures what is its own: the local Segment, which checks and counts every message; the
shop, whose requests identify and track; and this one, whose greenlets visit the shop. All talk over 127.0.0.1, on ports
that were free, and the two others end with this one, however it ends.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from segment_gevent.cli.interrupt import interrupts_here
from segment_gevent.cli.report import Report
from segment_gevent.cli.visitors import Visitors
from segment_gevent.debugger.connection import Connection
from segment_gevent.debugger.process import LocalSegment, read_address, start_module, stop_process

_REDRAW = 0.1
_LOCAL_KEY = "demo"
# The shop's flush waits 30 seconds at most; its answer comes then at the latest.
_RESULT_TIMEOUT = 60.0


def run(requests: int, greenlets: int, write_key: str | None = None, host: str | None = None) -> int:
    """Run the demo and print its report; with a `write_key` against a real server. Returns the exit code.

    Raises:
        RuntimeError: when one of the servers does not start.
    """
    console = Console(highlight=False)
    with ExitStack() as stack:
        local = None if write_key else stack.enter_context(LocalSegment(strict=True))
        if local is None:
            console.print(f"Sending to {host or 'the real Segment'}, with your write key.")
            environment = _environment(str(write_key), host)
        else:
            local.give_way()
            console.print(f"A local Segment listens at {local.url}; it checks every message.")
            environment = {**_environment(_LOCAL_KEY, local.url), **_no_proxy()}
        url = stack.enter_context(_shop(environment))
        console.print(f"A gevent server at {url} identifies and tracks in each request.")
        began = time.monotonic()
        visitors = Visitors(url, requests, greenlets)
        stack.callback(visitors.stop)
        stack.enter_context(interrupts_here())
        _show(visitors, requests, console)
        seconds = time.monotonic() - began
        result = _result(url)
        summary = None if local is None else local.summary()
    report = _report(requests, greenlets, seconds, visitors.failed, result, summary)
    for line, good in report.lines():
        console.print(line, style="" if good else "bold red", soft_wrap=True)
    return 0 if report.good else 1


@contextmanager
def _shop(environment: dict[str, str]) -> Iterator[str]:
    process: subprocess.Popen[str] = start_module("segment_gevent.cli.shop", environment=environment)
    try:
        yield read_address(process)
    finally:
        stop_process(process)


def _environment(write_key: str, host: str | None) -> dict[str, str]:
    # In the environment, not among the arguments, which every user of the machine can read.
    return {"SEGMENT_WRITE_KEY": write_key, **({"SEGMENT_HOST": host} if host else {})}


def _no_proxy() -> dict[str, str]:
    """The environment in which a proxy of this machine's does not stand between the shop and the local Segment."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    hosts = f"{known},127.0.0.1" if known else "127.0.0.1"
    return {"no_proxy": hosts, "NO_PROXY": hosts}


def _show(visitors: Visitors, requests: int, console: Console) -> None:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    # Redrawn from here: rich would start a native thread for it.
    with Progress(*columns, console=console, auto_refresh=False) as bar:
        task = bar.add_task("Requests", total=requests)
        for ended in visitors.progress(_REDRAW):
            bar.update(task, completed=ended, refresh=console.is_terminal)


def _result(url: str) -> dict[str, Any]:
    with Connection(url, timeout=_RESULT_TIMEOUT) as connection:
        result: dict[str, Any] = orjson.loads(connection.request("GET", "/result")[1])
    return result


def _report(
    requests: int, greenlets: int, seconds: float, failed: int, result: dict[str, Any], summary: dict[str, Any] | None
) -> Report:
    """Put together what the shop measured and, of a local Segment, what it counted."""
    return Report(
        requests=requests,
        failed_requests=failed,
        greenlets=greenlets,
        seconds=seconds,
        calls=result["calls"],
        arrived=result["delivered"] if summary is None else summary["valid"] - summary["duplicates"],
        duplicates=None if summary is None else summary["duplicates"],
        batches=result["batches"],
        retries=result["retries"],
        bytes_sent=result["bytes_sent"],
        call_median_ns=result["call_median_ns"],
        call_99th_ns=result["call_99th_ns"],
        stall_ns=result["stall_ns"],
    )
