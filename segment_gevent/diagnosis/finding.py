"""One finding: what was looked at, how bad it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = ("ok", "note", "warning", "error")
"""From good to bad. A note is worth knowing; a warning can cost events or time; with an error something is wrong."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        name: of its kind, such as `"patched-late"`; it stays the same from version to version.
        subject: what was looked at, such as `"patching"`.
        level: `"ok"`, `"note"`, `"warning"` or `"error"`.
        title: what it is, in a line.
        detail: what it is about, and what follows from it; "" where the title says it all.
        fix: what to do; "" where nothing is to be done.
    """

    name: str
    subject: str
    level: str
    title: str
    detail: str = ""
    fix: str = ""

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        fix = f" To fix it: {self.fix}" if self.fix else ""
        return f"{self.level}: {self.title}{detail}{fix}"


class Subject(str):
    """The name of a subject, which makes its findings."""

    __slots__ = ()

    def ok(self, name: str, title: str, detail: str = "") -> Finding:
        return Finding(name, str(self), "ok", title, detail)

    def note(self, name: str, title: str, detail: str = "", fix: str = "") -> Finding:
        return Finding(name, str(self), "note", title, detail, fix)

    def warning(self, name: str, title: str, detail: str, fix: str) -> Finding:
        return Finding(name, str(self), "warning", title, detail, fix)

    def error(self, name: str, title: str, detail: str, fix: str) -> Finding:
        return Finding(name, str(self), "error", title, detail, fix)
