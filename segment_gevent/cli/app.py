"""`segment-gevent`: its commands, gathered from `commands/`, and the demo's."""

from __future__ import annotations

import sys
from http.client import HTTPException

import click

from segment_gevent.cli.commands.debugger import debugger
from segment_gevent.cli.commands.importing import import_files
from segment_gevent.cli.commands.message import MESSAGE_COMMANDS
from segment_gevent.cli.commands.spool import spool
from segment_gevent.version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="segment-gevent")
def commands() -> None:
    """Send identify and track calls to Segment from gevent servers."""


@commands.command()
@click.option("--requests", type=click.IntRange(1), default=3000, show_default=True, help="Requests to the server.")
@click.option("--greenlets", type=click.IntRange(1), default=50, show_default=True, help="Visitors at a time.")
@click.option("--write-key", help="Send to the real Segment, with this key.")
@click.option("--host", help="Send to this one, with --write-key.  [default: the client's]")
def demo(requests: int, greenlets: int, write_key: str | None, host: str | None) -> None:
    """See it deliver: a gevent web server under load that identifies and tracks.

    Needs no account: the events go to a local Segment, which checks every one of them, on this machine only. The exit
    code is 0 when none was lost and none arrived twice.
    """
    if host is not None and write_key is None:
        raise click.UsageError("--host needs --write-key")
    from segment_gevent.cli.demo import run

    try:
        code = run(requests, greenlets, write_key, host)
    except (OSError, HTTPException, RuntimeError) as error:
        raise click.ClickException(f"the demo broke off: {error}") from error
    sys.exit(code)


commands.add_command(spool)
commands.add_command(debugger)
commands.add_command(import_files)
for command in MESSAGE_COMMANDS:
    commands.add_command(command)
