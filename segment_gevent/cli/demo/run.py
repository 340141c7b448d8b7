"""The demo's processes, and what is printed before and after its show.

There are three, so that each measures what is its own: the local Segment, which checks and counts every message and
shows it on its page; the shop, whose requests track; and this one, whose greenlets visit the shop. All talk over
127.0.0.1, on ports that were free, and the two others end with this one, however it ends.
"""

from __future__ import annotations

import os
import subprocess
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import gevent
from rich.console import Console

from segment_gevent.cli.demo.plan import Plan
from segment_gevent.cli.demo.show import Show
from segment_gevent.cli.interrupt import interrupts_here
from segment_gevent.debugger.process import LocalSegment, read_address, start_module, stop_process

_LOCAL_KEY = "demo"
_NO_OUTBOX = {"SEGMENT_OUTBOX": ""}  # one in the environment is the user's, for what is real


def run(plan: Plan) -> int:
    """Run the demo and print its report. Returns the exit code.

    Raises:
        RuntimeError: when one of the servers does not start.
    """
    console = Console(highlight=False)
    with ExitStack() as stack:
        local = None if plan.write_key else stack.enter_context(LocalSegment(strict=True))
        if local is not None:
            if not plan.stays:
                local.give_way()  # else the page is what somebody looks at
            console.print(f"The local Segment checks every message, and shows it: {local.url}", soft_wrap=True)
        else:
            console.print(f"Sending to {plan.host or 'the real Segment'}, with your write key.")
        stack.enter_context(interrupts_here())
        if local is not None and plan.opens:
            # A browser in the terminal would hold up the visitors for as long as it is open.
            gevent.get_hub().threadpool.spawn(webbrowser.open, local.url)
        url = stack.enter_context(_shop(_environment(plan, local)))
        console.print(f"A gevent web shop at {url} tracks its visitors.", soft_wrap=True)
        report = stack.enter_context(Show(plan, url, local, console)).play()
        for line, good in report.lines():
            console.print(line, style="" if good else "bold red", soft_wrap=True)
        if local is not None and plan.stays:
            console.print(f"The shop at {url} stays too, for a visit of your own.", soft_wrap=True)
            console.print(f"The page stays until Ctrl-C: {local.url}", soft_wrap=True)
            with suppress(KeyboardInterrupt):
                while local.running:
                    gevent.sleep(1)
    return 0 if report.good else 1


@contextmanager
def _shop(environment: dict[str, str]) -> Iterator[str]:
    process: subprocess.Popen[str] = start_module("segment_gevent.cli.demo.server", environment=environment)
    try:
        yield read_address(process)
    finally:
        stop_process(process)


def _environment(plan: Plan, local: LocalSegment | None) -> dict[str, str]:
    # In the environment, not among the arguments, which every user of the machine can read.
    if local is not None:
        return {"SEGMENT_WRITE_KEY": _LOCAL_KEY, "SEGMENT_HOST": local.url, **_NO_OUTBOX, **_no_proxy()}
    host = {"SEGMENT_HOST": plan.host} if plan.host else {}
    return {"SEGMENT_WRITE_KEY": str(plan.write_key), **host, **_NO_OUTBOX}


def _no_proxy() -> dict[str, str]:
    """The environment in which a proxy of this machine's does not stand between the shop and the local Segment."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    hosts = f"{known},127.0.0.1" if known else "127.0.0.1"
    return {"no_proxy": hosts, "NO_PROXY": hosts}
