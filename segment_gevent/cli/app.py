"""The commands of `segment-gevent` and their options; each command's work is in a file of its name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from http.client import HTTPException
from typing import Any, TypeVar

import click

from segment_gevent import ConfigError, Options, SegmentError
from segment_gevent.cli.flags import sending_flags
from segment_gevent.version import __version__

T = TypeVar("T")

FOR_EVER: dict[str, Any] = {"spool_max_age": timedelta.max, "spool_max_bytes": sys.maxsize}
"""For who replays: what may be deleted for its age, or to make room, is for the application's own bounds to say."""


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


_directory = click.option(
    "--spool-dir",
    required=True,
    type=click.Path(exists=True, file_okay=False),
    help="The directory that the option spool_dir names.",
)


@commands.group()
def spool() -> None:
    """Look after a spool: the messages on disk. Works while workers use it, and when none does."""


@spool.command()
@_directory
def status(spool_dir: str) -> None:
    """Say which files there are, whose, and how many messages wait. The exit code is 1 if one is broken."""
    from segment_gevent.cli import spool as work

    sys.exit(_told(lambda: work.status(spool_dir)))


@spool.command("list")
@_directory
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="So many messages at most.")
def list_messages(spool_dir: str, limit: int) -> None:
    """List the messages: when each was put on disk, its type, event, user and messageId."""
    from segment_gevent.cli import spool as work

    sys.exit(_told(lambda: work.show(spool_dir, limit)))


@spool.command()
@_directory
@click.option("--within", type=click.FloatRange(0), default=60.0, show_default=True, help="Seconds to try for.")
@sending_flags
def replay(spool_dir: str, within: float, **given: Any) -> None:
    """Send what ended processes left for this key and host.

    What living workers have is theirs to send. Messages that the server refuses are gone from the spool then, as in a
    worker; where the key, a token or the host is wrong, all stay. The exit code is 0 when nothing is left that could
    be sent, and nothing was refused.
    """
    from segment_gevent.cli.replay import replay as work

    chosen = {name: value for name, value in given.items() if value is not None}
    sys.exit(_told(lambda: work(Options(spool_dir=spool_dir, **FOR_EVER, **chosen), within)))


@spool.command()
@_directory
@click.option(
    "--output", type=click.Path(dir_okay=False), help="A file to make, for its owner alone.  [default: stdout]"
)
def export(spool_dir: str, output: str | None) -> None:
    """Write every message as a line of JSON, and leave the spool as it is."""
    from segment_gevent.cli import spool as work

    if output is None:
        _told(lambda: work.export(spool_dir, sys.stdout.buffer))
        return
    try:
        with open(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            count = _told(lambda: work.export(spool_dir, file))
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
    click.echo(f"purged {_told(lambda: work.purge(spool_dir)):,}")


def _told(work: Callable[[], T]) -> T:
    """What the work returns; the package's errors end the command with their text, wrong options with exit code 2."""
    try:
        return work()
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    except SegmentError as error:
        raise click.ClickException(str(error)) from error
