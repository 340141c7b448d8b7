"""`segment-gevent doctor`: its options; the work is in `cli/doctor.py`."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Any

import click

from segment_gevent.cli.flags import chosen, sending_flags


def _as_imported(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    name = (value or "").partition(":")[0]
    if "/" in name or name.endswith(".py"):
        raise click.BadParameter("MODULE is as in `import`: shop, not shop.py; shop.wsgi, not shop/wsgi.py")
    return value


@click.command()
@click.option(
    "--app",
    callback=_as_imported,
    metavar="MODULE[:NAME]",
    help="Load this application first, and look at what it did.",
)
@click.option("--patch", "patches", is_flag=True, help="Monkey-patch before, as gunicorn's gevent worker does.")
@click.option("--network/--no-network", default=True, help="Whether to try the ways to the servers.  [default: yes]")
@click.option("--within", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Seconds for each way.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--strict", is_flag=True, help="End with 1 for warnings too.")
@click.option("--spool-dir", help="The directory that the option spool_dir names.")
@sending_flags
def doctor(
    app: str | None,
    patches: bool,
    network: bool,
    within: float,
    as_json: bool,
    strict: bool,
    spool_dir: str | None,
    **given: Any,
) -> None:
    """Look at this environment, and say in words what is wrong and how to fix it.

    Patches and the order of imports, gevent, the server, versions, the write key's shape, options, proxies,
    certificates, the spool, OAuth, and the ways to the servers. No event is sent, and no secret shown. The exit code
    is 0 when nothing is wrong, warnings or not, and 1 when something is.
    """
    from segment_gevent.cli import doctor as work

    options = chosen({"spool_dir": spool_dir, **given})
    try:
        with redirect_stdout(sys.stderr):  # what the application says when it is loaded is no part of the report
            diagnosis = work.examined(options, app=app, patches=patches, network=network, within=within)
    except Exception as error:
        if app is None:
            raise
        raise click.ClickException(f"{app} can't be loaded: {type(error).__name__}: {error}") from error
    console = work.console()
    if as_json:
        click.echo(diagnosis.to_json())
    elif not console.is_terminal:
        click.echo(str(diagnosis))  # whole lines, for who searches or keeps them
    else:
        work.show(diagnosis, console)
    sys.exit(1 if strict and diagnosis.warnings else diagnosis.exit_code)
