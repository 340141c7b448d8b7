"""The documentation is true and short: its examples run, its tables are those of the code, its links lead somewhere."""

from __future__ import annotations

import doctest
import importlib.util
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pages import PAGES, ROOT, blocks, name_of
from servers.local_segment import LocalSegment

import segment_gevent

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def programs(page: Path) -> list[str]:
    """The Python blocks that are plain code; the quick starts' are files, which a test of their own runs."""
    if page.name == "quick-start.md":
        return []
    return [code for code in blocks(page, "python") if not code.startswith(">>>")]


def sessions(page: Path) -> list[str]:
    """The Python blocks that show what an interpreter prints."""
    return [code for code in blocks(page, "python") if code.startswith(">>>")]


def package_modules() -> list[str]:
    """Every module of the package that can be imported without becoming a program."""
    names = (module.name for module in pkgutil.walk_packages(segment_gevent.__path__, "segment_gevent."))
    return ["segment_gevent", *(name for name in names if not name.endswith("__main__"))]


@pytest.mark.parametrize("page", [page for page in PAGES if programs(page)], ids=name_of)
def test_examples_run(page: Path, segment_server: LocalSegment, tmp_path: Path) -> None:
    """A page's Python blocks, one after another in one process, end well, complain of nothing, send good messages."""
    program = tmp_path / "page.py"
    code = "\n".join(programs(page)).replace("/var/lib/shop", str(tmp_path))
    program.write_text(code, encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SEGMENT_WRITE_KEY": "key",
        "SEGMENT_HOST": segment_server.url,
        "PYTHONWARNINGS": "ignore:pkg_resources is deprecated:UserWarning",  # Pyramid's, where setuptools is over 80
    }
    done = subprocess.run(
        [sys.executable, program], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    summary = segment_server.summary()
    assert (summary["invalid"], summary["duplicates"]) == (0, 0)


def test_the_readme_sends_what_it_shows(segment_server: LocalSegment, tmp_path: Path) -> None:
    """The ten lines of the README are a whole program: both of its calls arrive."""
    test_examples_run(ROOT / "README.md", segment_server, tmp_path)
    assert segment_server.summary()["byType"] == {"identify": 1, "track": 1}


@pytest.mark.parametrize("page", [page for page in PAGES if sessions(page)], ids=name_of)
def test_sessions_print_what_they_show(page: Path) -> None:
    """A page's interactive examples are one doctest."""
    session = "\n".join(sessions(page))
    found = doctest.DocTestParser().get_doctest(session, {}, name_of(page), str(page), 0)
    assert not doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(found).failed


@pytest.mark.parametrize("name", package_modules())
def test_docstring_examples_are_true(name: str) -> None:
    """Every `>>>` in a docstring gives what stands below it."""
    module: ModuleType = importlib.import_module(name)
    assert not doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed


def test_the_table_of_options_is_current() -> None:
    """The options stand in `Options`; the page that shows them was made from it."""
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate_options.py", "--check"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_readme_fits_two_screens() -> None:
    """Who meets the project reads all of it; tables and reasons are in docs/, or folded away."""
    shown = re.sub(r"(?s)<details>.*?</details>", "", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(shown.splitlines()) <= 100


def test_the_pages_show_the_whole_matrix() -> None:
    """The table that `docs/matrix.py` makes of a run in which every cell passed, and so every row and column."""
    spec = importlib.util.spec_from_file_location("matrix", ROOT / "docs" / "matrix.py")
    assert spec is not None
    assert spec.loader is not None
    matrix = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(matrix)
    cells = {(row, column): "passed" for row in matrix.ROWS for column in matrix.COLUMNS}
    cells |= {(row, column): "passed" for row in matrix.SERVER_ROWS for column in matrix.SERVER_COLUMNS}
    assert matrix.is_complete(cells)
    for page in matrix.PAGES:
        assert f"{matrix.BEGIN}\n\n{matrix.render(cells)}\n\n{matrix.END}" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """A link within the repository names a file that exists, and a heading that it has."""
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get on the web: lower case, words joined by dashes."""
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_first_two_commands_are_one_line_each() -> None:
    """The README's first two bash blocks run the demo and the tests, set-up included."""
    demo, tests, *_ = blocks(ROOT / "README.md", "bash")
    assert [len(block.splitlines()) for block in (demo, tests)] == [1, 1]
    assert "segment-gevent demo --headless" in demo
    assert "pytest" in tests
