"""Warns of a page that needs the network to be shown, and opens the site at its first page."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

logger = getLogger(__name__)

# What a browser fetches by itself, as against the links that a reader may follow.
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc\s*=\s*["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b(?![^>]*\brel=["']?canonical)[^>]*\bhref\s*=\s*["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|(?:url\(|@import)\s*["']?((?:https?:)?//[^"'\s)]+)""",
    re.IGNORECASE,
)


def fetched(text: str) -> set[str]:
    """The addresses elsewhere that a page or a style sheet fetches.

    >>> fetched('<script src="https://a.example/x.js"></script> <link rel="stylesheet" href="//b.example/x.css">') == {
    ...     "https://a.example/x.js", "//b.example/x.css"}
    True
    >>> fetched("@font-face { src: url(https://a.example/font.woff2) }")
    {'https://a.example/font.woff2'}
    >>> fetched('<a href="https://a.example/">read</a> <img src="../_images/overview.svg"> url(data:image/svg+xml;x)')
    set()
    """
    return {address for found in FETCHED.findall(text) for address in found if address}


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Warn of every page and style sheet that fetches from elsewhere; have the site's root lead to its first page."""
    if exception or app.builder.name != "html":
        return
    site = Path(app.outdir)
    (site / "index.html").write_text(
        f'<!doctype html><title>{app.config.project}</title><meta http-equiv="refresh" content="0; '
        f'url={app.config.root_doc}.html">\n',
        encoding="utf-8",
    )
    for path in sorted([*site.rglob("*.html"), *site.rglob("*.css")]):
        if elsewhere := fetched(path.read_text(encoding="utf-8")):
            logger.warning("%s fetches %s", path.relative_to(site), ", ".join(sorted(elsewhere)))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True}
