"""Writes the table of options, from where the options are declared, into docs/options.md.

    python docs/generate_options.py            # write
    python docs/generate_options.py --check    # only say whether the page is out of date; exit code 1 if it is

The table stands between the two comments below; what stands between them is replaced.
"""

from __future__ import annotations

import ast
import logging
import sys
from pathlib import Path

from segment_gevent import Options

PAGE = Path(__file__).resolve().parent / "options.md"
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


def main(arguments: list[str]) -> int:
    page = PAGE.read_text(encoding="utf-8")
    is_current = with_table(page) == page
    if arguments == ["--check"]:
        if not is_current:
            print(f"{PAGE.name}: the table of options is out of date; run python docs/generate_options.py")
        return 0 if is_current else 1
    PAGE.write_text(with_table(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
