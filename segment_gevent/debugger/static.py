"""The page's built files, as they are served: with their types, for caching, and under a policy that lets in no script
but its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segment_gevent.debugger.answer import Answer

PREFIX = "/_/page/"
FOLDER = Path(__file__).parent / "page"
_INDEX = "index.html"
_HASHED = "assets/"  # the build puts a hash of the content into the names of what is there
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
SECURITY = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Files:
    """The files of a folder, each read once. Paths are only looked up among their names, and so lead nowhere else."""

    def __init__(self, folder: Path = FOLDER) -> None:
        files = (path for path in folder.rglob("*") if path.is_file())
        self._paths = {path.relative_to(folder).as_posix(): path for path in files}
        self._read: dict[str, tuple[bytes, str]] = {}

    def answer(self, environ: Mapping[str, Any]) -> Answer | None:
        """The file that a request for `/` or below `PREFIX` names; None where there is none."""
        path = str(environ["PATH_INFO"])
        name = _INDEX if path == "/" else path.removeprefix(PREFIX)
        if name not in self._paths:
            return None
        content, tag = self._content(name)
        caching = "public, max-age=31536000, immutable" if name.startswith(_HASHED) else "no-cache"
        headers = {"ETag": tag, "Cache-Control": caching, **SECURITY}
        if environ.get("HTTP_IF_NONE_MATCH") == tag:
            return Answer(304, headers=headers)
        kind = _TYPES.get(Path(name).suffix, "application/octet-stream")
        return Answer(200, content, {"Content-Type": kind, **headers})

    def _content(self, name: str) -> tuple[bytes, str]:
        """The bytes and their tag."""
        if name not in self._read:
            content = self._paths[name].read_bytes()
            self._read[name] = content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        return self._read[name]
