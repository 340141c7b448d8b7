"""`segment-gevent debugger`: a Segment of one's own on this machine."""

from __future__ import annotations

import sys
from typing import Any

import click

from segment_gevent.debugger.settings import HOST, KEEP, PORT, Settings


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes a free one.")
@click.option("--host", default=HOST, show_default=True, help="Address to listen on.")
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME[:PORT]",
    help="A name to be found under, besides the loopback's.",
)
@click.option("--db", type=click.Path(dir_okay=False), help="Keep the events in this file.  [default: in memory]")
@click.option(
    "--keep", type=click.IntRange(1), default=KEEP, show_default=True, metavar="N", help="Keep the newest so many."
)
@click.option(
    "--plan", type=click.Path(dir_okay=False), metavar="FILE", help="Hold the events against a tracking plan."
)
@click.option("--strict", is_flag=True, help="Answer 400 to what breaks a rule of the API.")
@click.option("--open", "open_", is_flag=True, help="Open the page in a browser.")
def debugger(hosts: tuple[str, ...], open_: bool, **settings: Any) -> None:
    """Run a Segment of your own, and see every event as it arrives.

    It takes every call of Segment's API, checks each message, and shows them all on a page. Nothing leaves this
    machine. Have your application send to it: initialize(key, host="http://127.0.0.1:8765"), or SEGMENT_HOST.
    """
    from segment_gevent.debugger.service import serve

    sys.exit(serve(Settings(hosts=hosts, open=open_, **settings), _say))


def _say(url: str) -> None:
    click.echo(f"The local Segment listens at {url} and shows there what arrives. Ctrl-C ends it.")
