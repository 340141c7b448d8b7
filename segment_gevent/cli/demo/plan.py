"""What is asked of a demo."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """So many visitors within so many seconds; with a `write_key` against a real server, at `host` if that is given.

    `stays` keeps the local Segment up after the report, until Ctrl-C; `opens` opens its page in a browser.
    """

    visitors: int
    seconds: float
    stays: bool = False
    opens: bool = False
    write_key: str | None = None
    host: str | None = None
