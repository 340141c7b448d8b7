"""Which versions are known to go wrong, alone and together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

from segment_gevent.diagnosis.facts import Patching, Versions
from segment_gevent.diagnosis.finding import Finding, Subject

HERE = Subject("versions")

SHOWN = ("gevent", "greenlet", "requests", "urllib3", "orjson")

LEAST_GEVENT: dict[tuple[int, ...], str] = {(3, 12): "23.7", (3, 13): "24.10.1"}
"""Of each Python, the first gevent that has wheels for it."""


def findings(facts: Versions, patching: Patching) -> Iterator[Finding]:
    found = [*_of_python(facts), *_too_old(facts), *_together(facts, patching)]
    yield from found
    if not any(finding.level in {"error", "warning"} for finding in found):
        installed = ", ".join(f"{name} {facts.installed[name]}" for name in SHOWN if name in facts.installed)
        yield HERE.ok("versions", f"Python {_dotted(facts.python)}, {installed}")
    if facts.has_official_client:
        yield HERE.warning(
            "official-client",
            "Segment's own library, segment.analytics, is loaded too",
            "Its calls send from a native thread, which starves or blocks under gevent; none of them is counted here.",
            "import segment_gevent.analytics in its place",
        )


def _of_python(facts: Versions) -> Iterator[Finding]:
    if not facts.has_gil:
        yield HERE.error(
            "no-gil",
            "This Python runs without its GIL",
            "gevent needs it, and so do the counts of this package.",
            "start it with PYTHON_GIL=1, or use the usual build",
        )
    if facts.implementation != "cpython":
        yield HERE.warning(
            "not-cpython",
            f"Python here is {facts.implementation}",
            "This package is tested on CPython alone.",
            "use CPython 3.10 or later",
        )


def _too_old(facts: Versions) -> Iterator[Finding]:
    for name, lowest in facts.lowest.items():
        installed = facts.installed.get(name)
        if installed is not None and is_before(installed, lowest):
            yield HERE.error(
                "too-old",
                f"{name} {installed} is older than {lowest}, the oldest that works",
                "",
                f"pip install '{name}>={lowest}'",
            )


def _together(facts: Versions, patching: Patching) -> Iterator[Finding]:
    gevent, greenlet = facts.installed.get("gevent", ""), facts.installed.get("greenlet", "")
    least = LEAST_GEVENT.get(facts.python[:2])
    if gevent and least and is_before(gevent, least):
        yield HERE.error(
            "gevent-for-python",
            f"gevent {gevent} is older than Python {_dotted(facts.python[:2])}",
            f"The first that was made for it is {least}.",
            f"pip install 'gevent>={least}'",
        )
    if gevent and greenlet and is_before(gevent, "23.7") and not is_before(greenlet, "3"):
        yield HERE.warning(
            "greenlet-for-gevent",
            f"gevent {gevent} with greenlet {greenlet}",
            "It was made for greenlet 2, and prints errors at the end of the process under later ones.",
            "upgrade gevent, or pip install 'greenlet<3'",
        )
    if gevent == "25.9.1":
        yield HERE.warning(
            "gevent-semaphores",
            f"gevent {gevent} has a Semaphore that is broken across threads",
            "Locks that the application shares between native threads and greenlets can fail to wake a waiter.",
            "pip install 'gevent>25.9.1'",
        )
    if "gunicorn" in facts.installed and gevent and is_before(gevent, "24.10.1"):
        gunicorn = facts.installed["gunicorn"]
        if not is_before(gunicorn, "24"):
            yield HERE.error(
                "gunicorn-wants-gevent",
                f"gunicorn {gunicorn} has no gevent worker for gevent {gevent}",
                "",
                "pip install 'gevent>=24.10.1'",
            )
    requests = facts.installed.get("requests", "")
    if patching.takers.get("ssl.SSLContext") and requests.startswith("2.32.") and is_before(requests, "2.32.4"):
        yield HERE.error(
            "requests-preloads",
            f"requests {requests} makes a TLS context at its import, which fails in this process",
            "Patched after urllib3 was imported, it can't be imported any more, and nothing is delivered.",
            "pip install 'requests>=2.32.4', or patch first",
        )


def is_before(version: str, other: str) -> bool:
    """
    >>> is_before("2.9", "2.10"), is_before("23.7.0.post1", "23.7"), is_before("24.0", "24")
    (True, False, False)
    """
    for mine, theirs in zip_longest(_numbers(version), _numbers(other), fillvalue=0):
        if mine != theirs:
            return mine < theirs
    return False


def _numbers(version: str) -> list[int]:
    leading = re.match(r"\d+(\.\d+)*", version)
    return [int(part) for part in leading[0].split(".")] if leading else []


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
