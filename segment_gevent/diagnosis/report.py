"""What a doctor found, as an object: asked for its verdict, walked through, printed, or written as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import attrgetter

import orjson

from segment_gevent.diagnosis.finding import LEVELS, Finding
from segment_gevent.version import __version__
from segment_gevent.words import counted

_MARKS = {"ok": "ok", "note": "note", "warning": "WARNING", "error": "ERROR"}


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose()` found: iterates over its findings, subject by subject; `str` says them in words.

    >>> diagnosis = Diagnosis((Finding("key-missing", "write key", "error", "There is no write key", "", "Pass one."),))
    >>> diagnosis.ok, diagnosis.exit_code, [finding.name for finding in diagnosis]
    (False, 1, ['key-missing'])
    >>> print(diagnosis)
    write key
      ERROR    There is no write key
               → Pass one.
    1 error, 0 warnings
    """

    findings: tuple[Finding, ...]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return self._of("error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return self._of("warning")

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; warnings do not count."""
        return not self.errors

    @property
    def exit_code(self) -> int:
        """The command's: 0 if `ok`, else 1."""
        return 0 if self.ok else 1

    def by_subject(self) -> Iterator[tuple[str, list[Finding]]]:
        """The findings of each subject, in the order in which subjects build upon each other."""
        for subject, findings in groupby(self.findings, attrgetter("subject")):
            yield subject, list(findings)

    def summary(self) -> str:
        """One line: how many of what."""
        return f"{counted(len(self.errors), 'error')}, {counted(len(self.warnings), 'warning')}"

    def to_json(self) -> str:
        """All of it as a JSON object, without the write key or any other secret, as everything here."""
        counts = {level: len(self._of(level)) for level in LEVELS}
        findings = [asdict(finding) for finding in self.findings]
        whole = {"version": __version__, "ok": self.ok, "counts": counts, "findings": findings}
        return orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode()

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for subject, findings in self.by_subject():
            yield subject
            for finding in findings:
                yield f"  {_MARKS[finding.level]:8} {finding.title}"
                if finding.detail:
                    yield f"           {finding.detail}"
                if finding.fix:
                    yield f"           → {finding.fix}"
        yield self.summary()

    def _of(self, level: str) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level == level)
