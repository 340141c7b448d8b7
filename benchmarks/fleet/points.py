"""What was measured: a point is one backlog, worked off by so many relays. In points.json, beside this file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(__file__).parent / "points.json"


@dataclass(frozen=True)
class Point:
    """Of events, where no other unit is named; times are seconds of CPU an event."""

    relays: int
    encoding: str
    """Of the entries, `identity` or `gzip`, as the clients' option `gzip` says."""
    throughput: float
    """A second, from the first delivered one to where the backlog was nearly gone."""
    cores: float
    """That relays, Redis and sink had together, of those that the machine has."""
    relay_cores: float
    """That the relays had of them."""
    relay_cpu: float
    redis_in_cpu: float
    """Of Redis, to add them."""
    redis_out_cpu: float
    """Of Redis, to hand them out and take them off the stream."""
    sink_cpu: float
    """Of the sink, which stands for Segment."""
    memory: float
    """Bytes of Redis memory."""
    wire: float
    """Bytes in requests, compressed."""
    size: float
    """Bytes of JSON."""
    a_request: float
    """Events in one request."""
    an_entry: int
    """Events in one entry of the stream."""


def read() -> list[Point]:
    return [Point(**each) for each in json.loads(FILE.read_text(encoding="utf-8"))]


def write(points: list[Point]) -> None:
    FILE.write_text(json.dumps([asdict(point) for point in points], indent=1) + "\n", encoding="utf-8")
