"""The pages of the documentation, and what stands on them: blocks of code, words in code."""

from __future__ import annotations

import re
from pathlib import Path

import segment_gevent

ROOT = Path(segment_gevent.__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language, in order."""
    return [code for found, code in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def in_code(page: Path) -> list[str]:
    """What stands in backticks in the page's text, a line break in it as a space."""
    text = ANY_FENCE.sub("", page.read_text(encoding="utf-8"))
    return [code.replace("\n", " ") for _, code in CODE.findall(text)]
