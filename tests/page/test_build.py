"""The page that ships is the one that its sources make. Wants no node: `.ci/run` builds it anew where there is one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import segment_gevent
from segment_gevent.debugger.static import FOLDER

SOURCES = Path(segment_gevent.__file__).parent.parent / "page"


def digest() -> str:
    """As page/vite.config.ts makes it: each file's name and content, by name."""
    found = hashlib.sha256()
    files = (path for path in SOURCES.rglob("*") if path.is_file())
    names = (path.relative_to(SOURCES).as_posix() for path in files)
    for name in sorted(name for name in names if not name.startswith("node_modules/")):
        found.update(name.encode() + b"\0" + (SOURCES / name).read_bytes() + b"\0")
    return found.hexdigest()


def test_the_built_page_is_that_of_the_sources() -> None:
    """After a change in page/: `npm ci && npm run build` there, and commit what it made."""
    assert (FOLDER / "sources.txt").read_text().strip() == digest()


def test_others_licences_go_with_it() -> None:
    """Everything that is bundled is named, with its licence."""
    licences = (FOLDER / "licenses.md").read_text()
    for name in ("preact ", "@preact/signals ", "@preact/signals-core ", "@tanstack/virtual-core "):
        assert f"\n## {name}" in licences


def test_it_loads_nothing_from_elsewhere() -> None:
    """No address of another host is in what a browser gets to run or to draw."""
    files = [FOLDER / "index.html", FOLDER / "theme.js", *(FOLDER / "assets").iterdir()]
    text = "\n".join(path.read_text() for path in files)
    assert "https://" not in text
