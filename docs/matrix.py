"""Turns the results of the start-up matrix into its table, in the README and in docs/start-up.md.

python -m pytest -m matrix --junitxml=matrix.xml
python docs/matrix.py matrix.xml           # prints the table; exit status 1 if a cell failed or is missing
python docs/matrix.py matrix.xml --write   # and writes it into both pages
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

PAGES = (Path(__file__).parent.parent / "README.md", Path(__file__).parent / "start-up.md")
BEGIN, END = "<!-- the matrix, by docs/matrix.py -->", "<!-- the end of the matrix -->"

COLUMNS = {
    "patched-first http": "patched first, HTTP",
    "patched-first https": "patched first, HTTPS",
    "patched-late http": "patched late, HTTP",
    "patched-late https": "patched late, HTTPS",
    "not-patched http": "not patched, HTTP",
    "not-patched https": "not patched, HTTPS",
}
ROWS = {
    "script": "script that never yields, and ends",
    "fork": "`os.fork` with a batch in flight and a full queue",
    "multiprocessing-fork": "`multiprocessing`, fork",
    "multiprocessing-spawn": "`multiprocessing`, spawn",
    "threadpool": "gevent's threadpool",
    "threads": "native threads, main thread blocked",
    "thread-hubs": "native threads with a hub each",
    "subprocesses": "many children by `gevent.subprocess`",
}
SERVER_COLUMNS = {"server http": "HTTP", "server https": "HTTPS"}
SERVER_ROWS = {
    "gunicorn": "`gunicorn -k gevent`",
    "gunicorn-preload": "`gunicorn -k gevent --preload`",
    "gunicorn-preload-patched-app": "the same, application patched first",
    "uwsgi": "`uwsgi --gevent`",
    "uwsgi-lazy-apps": "`uwsgi --gevent --lazy-apps`",
    "pywsgi": "pywsgi and `install_signal_handlers()`",
}
SIGNS = {"passed": "✓", "failed": "✗", "skipped": "skipped", "missing": "–"}

Results = dict[tuple[str, str], str]


def read(path: Path) -> Results:
    """The outcome of each cell, by row and column, from a report of pytest in JUnit's format."""
    cells: Results = {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        properties = {each.get("name"): each.get("value") for each in case.iter("property")}
        if "row" in properties:
            cells[str(properties["row"]), str(properties["column"])] = outcome(case)
    return cells


def outcome(case: ElementTree.Element) -> str:
    """One word for what became of a test."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "skipped"


def table(cells: Results, title: str, rows: dict[str, str], columns: dict[str, str]) -> Iterator[str]:
    """The lines of one Markdown table."""
    yield " | ".join(["", title, *columns.values(), ""]).strip()
    yield f"|---|{':-:|' * len(columns)}"
    for row, text in rows.items():
        yield " | ".join(["", text, *(SIGNS[cells.get((row, column), "missing")] for column in columns), ""]).strip()


def render(cells: Results) -> str:
    """Both tables."""
    programs = table(cells, "program", ROWS, COLUMNS)
    servers = table(cells, "server, ended by SIGTERM", SERVER_ROWS, SERVER_COLUMNS)
    return "\n".join([*programs, "", *servers])


def is_complete(cells: Results) -> bool:
    """Whether every cell of both tables passed."""
    wanted = [(row, column) for row in ROWS for column in COLUMNS]
    wanted += [(row, column) for row in SERVER_ROWS for column in SERVER_COLUMNS]
    return all(cells.get(cell) == "passed" for cell in wanted)


def main() -> int:
    """Print the table; write it if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    cells = read(arguments.report)
    print(render(cells))
    for page in PAGES if arguments.write else ():
        before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        page.write_text(f"{before}{BEGIN}\n\n{render(cells)}\n\n{END}{after}", encoding="utf-8")
    return 0 if is_complete(cells) else 1


if __name__ == "__main__":
    sys.exit(main())
