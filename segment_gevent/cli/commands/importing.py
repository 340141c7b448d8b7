"""`segment-gevent import`: its flags; the work is in `cli/importing/`."""

from __future__ import annotations

import os
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from segment_gevent import Options
from segment_gevent.cli.commands.telling import told
from segment_gevent.cli.flags import chosen, sending_flags

if TYPE_CHECKING:
    from segment_gevent.cli.importing.plan import Plan
    from segment_gevent.cli.importing.sources import Source

PATH = click.Path(dir_okay=False)
CSV_ENDINGS = {".csv": ",", ".tsv": "\t"}
COMPRESSED = {".gz", ".zst"}

MAP = "What a column or key means, such as Total=properties.total:number; without a field it is left out."
SET = "For lines that lack the field, such as type=identify."

FOR_IMPORTS: dict[str, Any] = {
    "flush_at": 2_500,
    "flush_after": 0.2,
    "max_queue_size": 40_000,
    "overflow": "block",
    "block_timeout": 3_600,
    "shutdown_timeout": 0,
}
"""Full batches; the import bounds by itself what waits, and waits by itself for what was sent."""


def one_character(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    """One character; a tab may be written as shells and people write it."""
    if given is None or (len(given := given.replace("\\t", "\t")) == 1 and given not in '"\r\n '):
        return given
    raise click.BadParameter("must be one character, and no quote, space or line end")


@click.command("import", short_help="Send historical data from files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--format", "form", type=click.Choice(["ndjson", "csv"]), help="[default: by the name's end, or ndjson]")
@click.option(
    "--delimiter",
    callback=one_character,
    help="Between the cells of CSV.  [default: a comma; a tab for .tsv]",
)
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="COLUMN=FIELD[:TYPE]",
    help=MAP,
)
@click.option("--set", "constants", multiple=True, metavar="FIELD=VALUE", help=SET)
@click.option("--checkpoint", default="", type=PATH, help="Where to write how far it is, and to go on from there.")
@click.option("--rejects", default="", type=PATH, help="Where to write the bad lines, with the reasons.")
@click.option("--dry-run", is_flag=True, help="Send nothing; say which lines are bad, and why.")
@click.option("--rate", metavar="<number>", type=click.FloatRange(0, min_open=True), help="Messages a second, at most.")
@click.option("--max-in-flight", type=click.IntRange(1), default=4, show_default=True, help="Batches sent at a time.")
@click.option("--max-retries", type=click.IntRange(0), default=10, show_default=True, help="Of a batch.")
@sending_flags
def import_files(files: tuple[str, ...], **given: Any) -> None:
    """Send historical data: a message a line, NDJSON or CSV, plain, gzip or zstd; - is standard input.

    A line is a message as the API defines it, or has session_id, user_id, event, properties and so on. The exit code
    is 0 when all were sent, 1 when some were rejected, 2 when it did not finish: then the same command with the same
    --checkpoint goes on.
    """
    from segment_gevent.cli.importing.checkpoint import CheckpointError
    from segment_gevent.cli.importing.fields import ShapeError
    from segment_gevent.cli.importing.sources import SourceError

    try:
        sys.exit(told(lambda: _run(_plan(files, given))))
    except (ShapeError, CheckpointError, SourceError) as error:
        raise click.UsageError(str(error)) from error
    except FileExistsError as error:
        raise click.UsageError(f"{error.filename} exists, and no checkpoint says that this import began it") from error
    except BrokenPipeError:
        raise  # click ends quietly: who reads what is said had enough
    except OSError as error:
        raise click.UsageError(f"{error.filename}: {error.strerror}") from error


def _plan(files: tuple[str, ...], given: dict[str, Any]) -> Plan:
    from segment_gevent.cli.importing.plan import Plan
    from segment_gevent.cli.importing.shape import Shape

    own = {name: given.pop(name) for name in ("form", "delimiter", "mapping", "constants", "checkpoint", "rejects")}
    is_dry, rate = given.pop("dry_run"), given.pop("rate")
    options = {**chosen(given), **FOR_IMPORTS}
    if is_dry:
        from segment_gevent.cli.importing.nowhere import Nowhere

        options |= {"api_key": "dry-run", "transport": Nowhere()}
    plan = Plan(
        sources=_sources(files, own["form"], own["delimiter"]),
        shape=Shape(own["mapping"], own["constants"]),
        options=Options(**options),
        rate=rate or 0.0,
        is_dry=is_dry,
        checkpoint="" if is_dry else own["checkpoint"],
        rejects="" if is_dry else own["rejects"],
    )
    _check_paths(plan)
    plan.check_headers()
    return plan


def _sources(files: tuple[str, ...], form: str | None, delimiter: str | None) -> list[Source]:
    from segment_gevent.cli.importing.sources import Source

    sources: dict[str, Source] = {}
    for name in files:
        ending = _ending(name)
        is_csv = form == "csv" or (form is None and ending in CSV_ENDINGS)
        source = Source(name, (delimiter or CSV_ENDINGS.get(ending, ",")) if is_csv else "")
        sources.setdefault(source.path, source)  # one that is named twice is read once
    if delimiter and not any(source.delimiter for source in sources.values()):
        raise click.UsageError("--delimiter is for CSV: say --format csv")
    return list(sources.values())


def _ending(name: str) -> str:
    path = PurePath(name.lower())
    return PurePath(path.stem).suffix if path.suffix in COMPRESSED else path.suffix


def _run(plan: Plan) -> int:
    from segment_gevent.cli.importing.checkpoint import Checkpoint
    from segment_gevent.cli.importing.rejects import Rejects
    from segment_gevent.cli.importing.run import Import
    from segment_gevent.cli.importing.telling import Telling

    kept = Checkpoint(plan.checkpoint, plan.terms(), plan.sources)
    try:
        rejects = Rejects(plan.rejects, size=kept.rejects_size, is_resumed=kept.is_resumed)
        size = sum(source.size for source in plan.sources)
        telling = Telling(size, shows_all_rejects=plan.is_dry, keeps_rejects=bool(plan.rejects))
        return Import(plan, kept, rejects, telling).run()
    finally:
        kept.close()


def _check_paths(plan: Plan) -> None:
    """No file is to be written over that is read, or written for another purpose."""
    taken = dict.fromkeys((source.path for source in plan.sources), "a file to import")
    for flag, path in (("--checkpoint", plan.checkpoint), ("--rejects", plan.rejects)):
        real = os.path.realpath(path) if path else ""
        if real in taken:
            raise click.UsageError(f"{flag} {path} is {taken[real]} too")
        if real:
            taken[real] = f"that of {flag}"
