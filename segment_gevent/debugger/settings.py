"""How a local Segment is to be. Imports nothing, so that the command is quick to say its help."""

from __future__ import annotations

from dataclasses import dataclass

HOST = "127.0.0.1"
PORT = 8765
KEEP = 100_000


@dataclass(frozen=True, slots=True)
class Settings:
    """How a local Segment is to be.

    `port` 0 takes a free one; `db` is the file that keeps the events, None for memory, and `keep` how many; `plan` is a
    file with a tracking plan; `hosts` are names under which it may be reached, besides the loopback's.
    """

    host: str = HOST
    port: int = PORT
    certfile: str | None = None
    keyfile: str | None = None
    strict: bool = False
    db: str | None = None
    keep: int = KEEP
    plan: str | None = None
    hosts: tuple[str, ...] = ()
    open: bool = False
    until_stdin_ends: bool = False
