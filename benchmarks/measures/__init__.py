"""What is measured: each function takes a `Subject` and gives figures by name, in the unit that the name ends with."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.measures import calls, end_to_end, growth, imports, memory, shutdown, steady
from benchmarks.measures.subject import Figures, Subject

MEASURES: dict[str, Callable[..., Figures]] = {
    "calls": calls.measure,
    "end_to_end": end_to_end.measure,
    "steady": steady.measure,
    "memory": memory.measure,
    "imports": imports.measure,
    "shutdown": shutdown.measure,
    "by_flush_at": growth.by_flush_at,
    "by_greenlets": growth.by_greenlets,
    "by_size": growth.by_size,
    "by_waiting": growth.by_waiting,
}

__all__ = ["MEASURES", "Figures", "Subject"]
