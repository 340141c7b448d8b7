"""`segment-gevent demo`: its flags; the work is in `cli/demo/`."""

from __future__ import annotations

import sys

import click

HEADLESS_SECONDS = 6.0
SECONDS = 20.0


@click.command()
@click.option("--headless", is_flag=True, help="End with the report; otherwise the page stays until Ctrl-C.")
@click.option("--open", "open_", is_flag=True, help="Open the page in a browser.")
@click.option("--visitors", type=click.IntRange(1), default=500, show_default=True, help="So many come to the shop.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    help=f"Within so long.  [default: {SECONDS:g}; {HEADLESS_SECONDS:g} with --headless]",
)
@click.option("--write-key", help="Send to the real Segment, with this key; then nothing goes wrong on purpose.")
@click.option("--host", help="Send to this one, with --write-key.  [default: the client's]")
def demo(
    headless: bool, open_: bool, visitors: int, seconds: float | None, write_key: str | None, host: str | None
) -> None:
    """See it deliver: a web shop whose visitors browse, sign up and buy, and a page that shows every event.

    Needs no account: the events go to a local Segment, which checks every one of them, on this machine only. While the
    visitors are there it limits the rate, and is away for a while. The exit code is 0 when no event was lost, none
    arrived twice, and all were valid.
    """
    if host is not None and write_key is None:
        raise click.UsageError("--host needs --write-key")
    if open_ and (headless or write_key is not None):
        raise click.UsageError(f"--open has no page to open with {'--headless' if headless else '--write-key'}")
    from http.client import HTTPException  # with ssl, which no other command is to load

    from segment_gevent.cli.demo.plan import Plan
    from segment_gevent.cli.demo.run import run

    seconds = seconds or (HEADLESS_SECONDS if headless or write_key is not None else SECONDS)
    asked = Plan(visitors, seconds, stays=not headless, opens=open_, write_key=write_key, host=host)
    try:
        code = run(asked)
    except (OSError, HTTPException, RuntimeError) as error:
        raise click.ClickException(f"the demo broke off: {error}") from error
    sys.exit(code)
