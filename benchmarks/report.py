"""The results as Markdown, with the machine and the versions that they are of."""

from __future__ import annotations

import math
import os
import platform
import textwrap
from collections.abc import Iterator, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import plan
from benchmarks.figures import Standing, standings
from benchmarks.measures import shutdown
from benchmarks.results import Results, Spread

FOLDER = Path(__file__).parent
VERSIONS = ("segment-gevent", *plan.PEERS, "gevent", "greenlet", "orjson", "requests", "urllib3")
UNITS = {"us": "µs", "ms": "ms", "s": "s", "bytes": "B"}


def write(results: Results) -> None:
    """Make `results.md` and its plots."""
    from benchmarks import plots  # with matplotlib, which only this wants

    pictures = plots.write(results, FOLDER / "plots")
    shown = [f"![{title}](plots/{path.name})" for title, path in pictures.items()]
    page = "\n\n".join([head(), *shown, text(results)])
    (FOLDER / "results.md").write_text(page + "\n", encoding="utf-8")


def head() -> str:
    """The machine, the versions, and how to read the rest."""
    made = textwrap.fill(
        f"Made by `tox -e bench` on {date.today():%d %B %Y}: {_processor()}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.release()}, {platform.python_implementation()} {platform.python_version()}, "
        f"{', '.join(f'{name} {_version(name)}' for name in VERSIONS)}.",
        width=120,
    )
    return f"""# Results

{made}

Each library in a process of its own on one core, monkey-patched by gevent first, against a sink that counts on the
other; an event of 441 bytes, `flush_at=100` where nothing else is said. The libraries took turns, and figures are
medians with (quartiles). CPU and calls are without what the empty harness takes. The floor is a bare prototype: a raw
socket, no checks. Compare figures of one run only."""


def text(results: Results) -> str:
    """All tables: what is to be reached, then each case."""
    parts = [_standings(standings(results))]
    parts += [part for case in plan.WHOLE if results.names(case.name) for part in _case(case, results)]
    return "\n\n".join(part for part in parts if part)


def _standings(all_of_them: Sequence[Standing]) -> str:
    rows = [
        [
            f"{standing.figure.title}{f', {standing.figure.unit}' if standing.figure.unit else ''}",
            f"**{number(standing.ours)}**",
            number(standing.official),
            f"{number(standing.best)} ({standing.best_name})" if standing.best_name else "–",
            number(standing.floor),
            "; ".join(
                f"{bound.words} {'?' if bound.reached is None else '✓' if bound.reached else '✗'}"
                for bound in standing.bounds()
            ),
        ]
        for standing in all_of_them
    ]
    header = ["", plan.OURS, plan.OFFICIAL, "best peer", "floor", "to reach"]
    return "## To reach\n\n" + table(header, rows) if rows else ""


def _case(case: plan.Case, results: Results) -> Iterator[str]:
    yield f"## {case.title}"
    libraries = list(results.libraries(case.name))
    names = [name for name in results.names(case.name) if name != "sent"]
    rows = [[library, *(_spread(results.spread(case.name, library, name)) for name in names)] for library in libraries]
    yield table(["", *(_title(name) for name in names)], rows)


def _title(name: str) -> str:
    """A figure's name as a column's: `late_p999_ms` is "late p99.9, ms"."""
    if name.endswith("_per_s"):
        return f"{name.removesuffix('_per_s')} a second"
    words, _, unit = name.rpartition("_")
    if unit in UNITS and words:
        return f"{words.replace('_', ' ').replace('p999', 'p99.9')}, {UNITS[unit]}"
    return f"{int(name):,}" if name.isdigit() else name.replace("_", " ")


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    middle = number(spread.median)
    return middle if spread.low == spread.high else f"{middle} ({number(spread.low)} to {number(spread.high)})"


def number(value: float | None) -> str:
    """To three digits; large ones whole, with commas; "–" for none."""
    if value is None:
        return "–"
    if math.isinf(value):
        return f"over {shutdown.PATIENCE:g}"  # only a shutdown goes on for ever
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "–"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
