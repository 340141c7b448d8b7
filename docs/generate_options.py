"""Writes the table of options, from where the options are declared, into the pages that show it.

    python docs/generate_options.py            # write
    python docs/generate_options.py --check    # only say which pages are out of date; exit code 1 if any is

A page shows the table between the two comments below; what stands between them is replaced.
"""

from __future__ import annotations

import ast
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from segment_gevent import Options

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/options.md")
START = "<!-- options: made by docs/generate_options.py -->\n"
END = "<!-- end of options -->\n"


def table() -> str:
    """The options as a Markdown table, in the order of the signature."""
    lines = ["| option | default | unit | what it does |", "|---|---|---|---|"]
    lines += [
        f"| `{row.name}` | `{_default(row.default, row.unit)}` | {row.unit} | {row.doc} |" for row in Options.describe()
    ]
    return "\n".join(lines) + "\n"


def _default(text: str, unit: str) -> str:
    """A default as one would write it: a level by its name, a large number in groups of three."""
    value = ast.literal_eval(text)
    if unit == "level":
        return f"logging.{logging.getLevelName(value)}"
    return f"{value:_}" if type(value) is int and value > 9_999 else text


def with_table(page: str) -> str:
    """The text of a page with the table of today."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"the page has no place for the table: {START.strip()} … {END.strip()}")
    return before + START + "\n" + table() + "\n" + END + after


def outdated() -> Iterator[Path]:
    """The pages whose table is not that of the code."""
    for page in (ROOT / name for name in PAGES):
        text = page.read_text(encoding="utf-8")
        if with_table(text) != text:
            yield page


def main(arguments: list[str]) -> int:
    pages = list(outdated())
    for page in pages:
        name = page.relative_to(ROOT)
        if arguments == ["--check"]:
            print(f"{name}: the table of options is out of date; run python docs/generate_options.py")
        else:
            page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")
            print(f"{name}: written")
    return 1 if pages and arguments == ["--check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
