"""`segment-gevent`: its commands, gathered from `commands/`."""

from __future__ import annotations

import click

from segment_gevent.cli.commands.debugger import debugger
from segment_gevent.cli.commands.demo import demo
from segment_gevent.cli.commands.doctor import doctor
from segment_gevent.cli.commands.importing import import_files
from segment_gevent.cli.commands.message import MESSAGE_COMMANDS
from segment_gevent.cli.commands.relay import relay
from segment_gevent.cli.commands.spool import spool
from segment_gevent.version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="segment-gevent")
def commands() -> None:
    """Send identify and track calls to Segment from gevent servers."""


commands.add_command(demo)
commands.add_command(spool)
commands.add_command(relay)
commands.add_command(debugger)
commands.add_command(import_files)
commands.add_command(doctor)
for command in MESSAGE_COMMANDS:
    commands.add_command(command)
