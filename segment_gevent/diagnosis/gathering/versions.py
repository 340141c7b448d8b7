"""Facts of what is installed."""

from __future__ import annotations

import re
import sys
from importlib import metadata

from segment_gevent.diagnosis.facts import Versions

PROJECTS = ("gevent", "greenlet", "requests", "urllib3", "orjson", "certifi", "gunicorn", "uwsgi", "celery")


def versions() -> Versions:
    """Reads the metadata of installed projects: some milliseconds."""
    lowest = _lowest()
    found = {name: _version(name) for name in dict.fromkeys([*PROJECTS, *lowest])}
    return Versions(
        python=sys.version_info[:3],
        implementation=sys.implementation.name,
        has_gil=getattr(sys, "_is_gil_enabled", lambda: True)(),
        installed={name: version for name, version in found.items() if version},
        lowest=lowest,
        has_official_client="segment.analytics" in sys.modules,
    )


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _lowest() -> dict[str, str]:
    """The bounds that this package's own metadata names, those of extras included; none in a bare checkout."""
    try:
        lines = metadata.requires("segment-gevent") or []
    except metadata.PackageNotFoundError:
        return {}
    wanted = [line for line in lines if "extra" not in line or 'extra == "test"' not in line]
    found = (re.match(r"([\w.-]+)(?:\[[\w,]+\])? ?>= ?([\d.]+)", line) for line in wanted)
    return {match[1]: match[2] for match in found if match}
