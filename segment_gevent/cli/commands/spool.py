"""`segment-gevent spool …`: its commands and their options; the work is in `cli/spool.py` and `cli/replay.py`."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import Any

import click

from segment_gevent import Options
from segment_gevent.cli.commands.telling import told
from segment_gevent.cli.flags import chosen, sending_flags

FOR_EVER: dict[str, Any] = {"spool_max_age": timedelta.max, "spool_max_bytes": sys.maxsize}
"""For who replays: what may be deleted for its age, or to make room, is for the application's own bounds to say."""

_directory = click.option(
    "--spool-dir",
    required=True,
    type=click.Path(exists=True, file_okay=False),
    help="The directory that the option spool_dir names.",
)


@click.group()
def spool() -> None:
    """Look after a spool: the messages on disk. Works while workers use it, and when none does."""


@spool.command()
@_directory
def status(spool_dir: str) -> None:
    """Say which files there are, whose, and how many messages wait. The exit code is 1 if one is broken."""
    from segment_gevent.cli import spool as work

    sys.exit(told(lambda: work.status(spool_dir)))


@spool.command("list")
@_directory
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="So many messages at most.")
def list_messages(spool_dir: str, limit: int) -> None:
    """List the messages: when each was put on disk, its type, event, user and messageId."""
    from segment_gevent.cli import spool as work

    sys.exit(told(lambda: work.show(spool_dir, limit)))


@spool.command()
@_directory
@click.option(
    "--within",
    metavar="<seconds>",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Seconds to try for.",
)
@sending_flags
def replay(spool_dir: str, within: float, **given: Any) -> None:
    """Send what ended processes left for this key and host.

    What living workers have is theirs to send. Messages that the server refuses are gone from the spool then, as in a
    worker; where the key, a token or the host is wrong, all stay. The exit code is 0 when nothing is left that could
    be sent, and nothing was refused.
    """
    from segment_gevent.cli.replay import replay as work

    sys.exit(told(lambda: work(Options(spool_dir=spool_dir, **FOR_EVER, **chosen(given)), within)))


@spool.command()
@_directory
@click.option(
    "--output", type=click.Path(dir_okay=False), help="A file to make, for its owner alone.  [default: stdout]"
)
def export(spool_dir: str, output: str | None) -> None:
    """Write every message as a line of JSON, and leave the spool as it is."""
    from segment_gevent.cli import spool as work

    if output is None:
        told(lambda: work.export(spool_dir, sys.stdout.buffer))
        return
    try:
        with open(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            count = told(lambda: work.export(spool_dir, file))
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from error
    click.echo(f"exported {count:,}", err=True)


@spool.command()
@_directory
@click.option("--yes", is_flag=True, help="Don't ask.")
def purge(spool_dir: str, yes: bool) -> None:
    """Delete every message that no living process has, and the broken files. They are gone then."""
    from segment_gevent.cli import spool as work

    if not yes:
        click.confirm(f"Delete what is in {spool_dir}?", abort=True)
    click.echo(f"purged {told(lambda: work.purge(spool_dir)):,}")
