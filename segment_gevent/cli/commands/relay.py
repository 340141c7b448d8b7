"""`segment-gevent relay …`: its commands and their options; the work is in `relay/` and in `cli/relay.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from segment_gevent.cli.commands.telling import told
from segment_gevent.cli.flags import chosen, sending_flags_but
from segment_gevent.relay.settings import Settings

Command = TypeVar("Command", bound=Callable[..., object])


@click.group(invoke_without_command=True)
@click.option(
    "--outbox",
    envvar="SEGMENT_OUTBOX",
    metavar="URL",
    help="The Redis that the option outbox names. [env: SEGMENT_OUTBOX, which other users of the machine can't see]",
)
@click.option("--host", default="", metavar="URL", help="Send all there.  [default: the host of each client]")
@click.option(
    "--workers", type=click.IntRange(1, 1000), default=Settings.workers, show_default=True, help="Batches at a time."
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    default=Settings.rate,
    show_default=True,
    help="Requests a second to one host, of all relays together.",
)
@click.option(
    "--linger",
    type=click.FloatRange(0),
    default=Settings.linger,
    show_default=True,
    help="Seconds that a message waits for others of its batch.",
)
@click.option(
    "--claim-after",
    type=click.FloatRange(0, min_open=True),
    default=Settings.claim_after,
    show_default=True,
    help="Seconds of a relay's silence after which others take over what it has.",
)
@click.option(
    "--max-deliveries",
    type=click.IntRange(1),
    default=Settings.max_deliveries,
    show_default=True,
    help="An entry handed out more often is a dead letter, and so is a batch refused so often for its key.",
)
@click.option(
    "--max-bytes",
    type=click.IntRange(1 << 20),
    default=Settings.max_bytes,
    show_default=True,
    help="Bytes in hand, about.",
)
@click.option(
    "--max-entries",
    type=click.IntRange(0),
    default=Settings.max_entries,
    show_default=True,
    help="Past so many entries in the stream the oldest go, counted; 0: none go, and clients are told that it is full.",
)
@click.option(
    "--max-dead",
    type=click.IntRange(1),
    default=Settings.max_dead,
    show_default=True,
    help="The same for dead letters.",
)
@click.option(
    "--stop-within",
    type=click.FloatRange(0),
    default=Settings.stop_within,
    show_default=True,
    help="Seconds to finish in at SIGTERM.",
)
@click.option(
    "--listen",
    default="127.0.0.1:9464",
    show_default=True,
    metavar="HOST:PORT",
    help="Where /healthz, /readyz and /metrics are; '' for nowhere, port 0 takes a free one.",
)
@sending_flags_but("api_key", "host", "region", "outbox")
@click.pass_context
def relay(context: click.Context, /, outbox: str | None, **given: Any) -> None:
    """Send to Segment what clients put into an outbox, until SIGTERM.

    Run as many as you like, anywhere: they share the work, a rate and what a rate limit asks for. Requests are
    compressed. The exit code is 0 after SIGTERM or Ctrl-C, and 1 where something of it failed.
    """
    if context.invoked_subcommand is not None:
        context.obj = outbox
        return
    if not outbox:
        raise click.UsageError("Missing option '--outbox'")
    from segment_gevent.cli import relay as work

    sys.exit(told(lambda: work.run(outbox, **chosen(given))))


def _with_outbox(command: Command) -> Command:
    """Also after the subcommand's name, where people write it."""
    return click.option("--outbox", envvar="SEGMENT_OUTBOX", metavar="URL", help="As of relay.")(command)


def _of(context: click.Context, outbox: str | None) -> str:
    found = outbox or context.obj
    if not found:
        raise click.UsageError("Missing option '--outbox'")
    return str(found)


@relay.command()
@_with_outbox
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def status(context: click.Context, /, outbox: str | None, as_json: bool) -> None:
    """Say how much waits, with which relay it is, and what became of the rest."""
    from segment_gevent.cli import relay as work

    sys.exit(told(lambda: work.status(_of(context, outbox), as_json=as_json)))


@relay.command()
@_with_outbox
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="So many at most.")
@click.pass_context
def dead(context: click.Context, /, outbox: str | None, limit: int) -> None:
    """List the dead letters: when, how many messages, for which host, and why."""
    from segment_gevent.cli import relay as work

    sys.exit(told(lambda: work.dead(_of(context, outbox), limit)))


@relay.command()
@_with_outbox
@click.option("--id", "ids", multiple=True, metavar="ID", help="Only this one; may be repeated.  [default: all]")
@click.pass_context
def requeue(context: click.Context, /, outbox: str | None, ids: tuple[str, ...]) -> None:
    """Have dead letters sent again, by whichever relay comes."""
    from segment_gevent.cli import relay as work

    sys.exit(told(lambda: work.requeue(_of(context, outbox), ids)))
