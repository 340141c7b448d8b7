"""Times as the API writes them, and how they are read."""

from __future__ import annotations

from datetime import datetime, timezone


def timestamp(seconds: float) -> str:
    """Unix seconds as Segment writes a time: `2026-11-23T15:19:40.388Z`."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> float:
    """An ISO 8601 date and time with its zone (`Z` or an offset) in unix seconds.

    Raises:
        ValueError: for anything else, a time without a zone included.
    """
    # datetime.fromisoformat learned `Z` only in Python 3.11.
    moment = datetime.fromisoformat(f"{text[:-1]}+00:00" if text[-1:] in ("Z", "z") else text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone in {text!r}")
    return moment.timestamp()
