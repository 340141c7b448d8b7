"""How Sphinx makes pages of the Markdown in docs/ and beside it, and an API reference of the docstrings.

    tox -e docs                                  # strictly: a warning is an error
    python -m sphinx -c docs . build/site        # from the repository's root; begin at build/site/index.html

The source folder is the repository's root, so that links which work on a code host work here, unchanged.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from segment_gevent import __version__  # noqa: E402

project = "segment-gevent"
version = release = __version__
copyright = "the authors of segment-gevent"  # noqa: A001 - Sphinx's name for it
html_title = f"segment-gevent {__version__}"

root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benchmarks/results.md",
    "benchmarks/details.md",
]
exclude_patterns = [".*", "build", "dist", "segment_gevent", "tests"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "offline"]
html_theme = "furo"
html_static_path, html_css_files = ["static"], ["site.css"]
html_copy_source = False
pygments_style, pygments_dark_style = "default", "github-dark"

myst_heading_anchors = 4  # by the names that code hosts give them
myst_enable_extensions = ["attrs_inline"]
suppress_warnings = ["misc.highlighting_failure"]  # a page may show what is no whole program

# The docstrings are plain words, with `code` in single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 100
napoleon_use_ivar = True
nitpicky = True
# What stands elsewhere: there is no network to ask for their inventories.
nitpick_ignore_regex = [
    ("py:.*", r"(?!segment_gevent\.).*"),
    ("py:class", r"segment_gevent\..*\.(R|UserLoader|On(Success|Failure|Drop))"),  # type variables
]

_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)\.md\)")


def add_navigation(_app: Sphinx, docname: str, content: list[str]) -> None:
    """Make the navigation of the start page's own links: a group for each of its headings."""
    if docname != root_doc:
        return
    headings = re.split(r"^## (.*)$", content[0], flags=re.MULTILINE)[1:]
    groups = {title: _LINK.findall(text) for title, text in zip(headings[::2], headings[1::2], strict=True)}
    named = {page for pages in groups.values() for page in pages} | {"index"}
    others = sorted(page.stem for page in (ROOT / "docs").glob("*.md") if page.stem not in named)
    for title, pages in [*groups.items(), ("More", others)]:
        if pages:
            content[0] += "\n".join(["", "", "```{toctree}", f":caption: {title}", ":hidden:", "", *pages, "```", ""])


def mark_code(_app: Sphinx, _what: str, _name: str, _thing: object, _options: Any, lines: list[str]) -> None:
    """Have the indented lines below a colon shown as code."""
    for number, line in enumerate(lines[:-2]):
        if line.endswith(":") and not lines[number + 1] and lines[number + 2].startswith("    "):
            lines[number] += ":"


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_navigation)
    app.connect("autodoc-process-docstring", mark_code)
