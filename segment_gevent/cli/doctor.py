"""`segment-gevent doctor`: the environment examined, and what was found in a terminal's words or as JSON."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

import segment_gevent
from segment_gevent import Diagnosis, Finding
from segment_gevent.diagnosis.examination import any_client, examine, process_facts, usable, with_ways

MARKS = {"ok": ("✓", "green"), "note": ("·", "cyan"), "warning": ("!", "bold yellow"), "error": ("✗", "bold red")}


def examined(given: Mapping[str, Any], *, app: str | None, patches: bool, network: bool, within: float) -> Diagnosis:
    """Load the application, if one is named, and examine this process.

    Args:
        given: options, which go before those of the application's client.
        app: a module, or `module:attribute`; `module:function()` calls it.
        patches: whether to monkey-patch before.
        within: seconds for the way to each server.

    Raises:
        Exception: whatever the application raises.
    """
    if patches:
        from gevent import monkey

        monkey.patch_all()
    if app is not None:
        load(app)
    client = segment_gevent.default_client or any_client()
    of_client = {} if client is None else vars(client.options)
    facts = process_facts(*usable({**of_client, **given}), is_application=app is not None, opens_files=True)
    return examine(with_ways(facts, within) if network else facts)


def load(app: str) -> None:
    """Import the application as a server would, from the directory of the caller."""
    name, _, attribute = app.partition(":")
    sys.path.insert(0, os.getcwd())
    thing: Any = importlib.import_module(name)
    called = attribute.endswith("()")
    for part in filter(None, attribute.removesuffix("()").split(".")):
        thing = getattr(thing, part)
    if called:
        thing()


def show(diagnosis: Diagnosis, console: Console) -> None:
    """Print it, subject by subject, each finding with its mark; what is well in one line."""
    for subject, findings in diagnosis.by_subject():
        console.print(Text(subject, style="bold"))
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for finding in findings:
            mark, style = MARKS[finding.level]
            table.add_row(Text(mark, style=style), _words(finding, style))
        console.print(Padding(table, (0, 0, 0, 2)))
    style = "bold red" if diagnosis.errors else "bold yellow" if diagnosis.warnings else "bold green"
    console.print(Text(f"\n{diagnosis.summary()}", style=style))


def _words(finding: Finding, style: str) -> Group:
    is_bad = finding.level in {"warning", "error"}
    words: list[RenderableType] = [Text(finding.title, style=style if is_bad else "")]
    if finding.detail:
        words.append(Text(finding.detail))
    if finding.fix:
        fix = Table.grid(padding=(0, 1))
        fix.add_row(Text("→", style="green"), Text(finding.fix, style="green"))
        words.append(fix)
    return Group(*words)


def console(file: TextIO | None = None) -> Console:
    return Console(file=file, highlight=False, markup=False, emoji=False)
