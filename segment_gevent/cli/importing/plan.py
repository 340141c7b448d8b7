"""The plan: what is to be imported, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from segment_gevent import Options
from segment_gevent.cli.importing.shape import Shape
from segment_gevent.cli.importing.sources import Source


@dataclass(frozen=True)
class Plan:
    """One import's; the checkpoint, which outlives a run, is apart."""

    sources: Sequence[Source]
    shape: Shape
    options: Options
    delimiters: Mapping[str, str] = field(default_factory=dict)
    """Of the sources that are CSV, by name."""
    rate: float = 0.0
    """Messages a second at most; 0 is no limit."""
    is_dry: bool = False
