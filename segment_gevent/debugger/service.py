"""The local Segment as a program: set up as it was asked for, it serves until it is told to stop."""

from __future__ import annotations

import secrets
import signal
import sys
import webbrowser
from collections.abc import Callable
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event

from segment_gevent.debugger.app import App
from segment_gevent.debugger.database import DatabaseError
from segment_gevent.debugger.guard import Guard, is_loopback
from segment_gevent.debugger.plan_file import PlanError
from segment_gevent.debugger.server import Server, stop_at_end_of
from segment_gevent.debugger.settings import Settings
from segment_gevent.debugger.store import EventStore

if TYPE_CHECKING:
    from segment_gevent.debugger.plan import Plan

BEYOND = (
    "WARNING: this server can be reached from beyond this machine. Whoever knows the token in its address reads every "
    "event, and whoever reaches it can send some.\n"
)


def serve(settings: Settings, announce: Callable[[str], object]) -> int:
    """Serve until SIGINT or SIGTERM, or the end of standard input if so set. Returns the exit code.

    `announce` gets the address to open once the server is ready, with the token if it needs one.
    """
    stopped = Event()
    _stop_at_signals(stopped, settings.until_stdin_ends)
    token = None if is_loopback(settings.host) else secrets.token_urlsafe(24)
    try:
        plan = None if settings.plan is None else _read_plan(settings.plan)
        store = EventStore(settings.db, settings.keep)
    except (DatabaseError, PlanError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    app = App(store, strict=settings.strict, plan=plan, guard=Guard(settings.hosts, token))
    try:
        server = Server(app, settings.host, settings.port, settings.certfile, settings.keyfile)
    except OSError as error:
        key = f" with the key {settings.keyfile}" if settings.keyfile else ""
        sys.stderr.write(f"cannot use the certificate {settings.certfile}{key}: {error}\n")
        return 1
    try:
        server.start()
    except (OSError, OverflowError) as error:  # the second for a port that is none
        sys.stderr.write(f"cannot listen on {settings.host}:{settings.port}: {error}\n")
        return 1
    if settings.until_stdin_ends:
        stop_at_end_of(sys.stdin.fileno(), stopped.set)
    url = server.url
    if token is not None:
        sys.stderr.write(BEYOND)
        url = f"{url}/?token={token}"
    announce(url)
    if settings.open:
        # A browser in the terminal would hold up the hub for as long as it is open.
        gevent.get_hub().threadpool.spawn(_open, url)
    stopped.wait()
    server.stop(timeout=0)
    store.close()
    return 0


def _open(url: str) -> None:
    if not webbrowser.open(url):
        sys.stderr.write(f"no browser was found to open {url}\n")


def _read_plan(path: str) -> Plan:
    try:
        from segment_gevent.debugger.plan import Plan
    except ImportError as error:
        raise PlanError(f"a tracking plan needs jsonschema-rs: pip install 'segment-gevent[cli]' ({error})") from error
    return Plan.read(path)


def _stop_at_signals(stopped: Event, until_stdin_ends: bool) -> None:
    gevent.signal_handler(signal.SIGTERM, stopped.set)
    if until_stdin_ends:
        # A terminal's Ctrl-C reaches the process that started this too, which ends it when it is done with it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    else:
        gevent.signal_handler(signal.SIGINT, stopped.set)
