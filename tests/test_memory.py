"""Memory: a client whose messages go nowhere stays within the bound that docs/spool.md states."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from servers.program import program

from segment_gevent.events.batch import BATCH_BYTES

COPIES = 3
"""Of a batch in flight: its messages, its body, and the compressed body. A write to the spool holds as much."""

REST = 16 << 20
"""What is not messages: SQLite with its caches, the spool's thread, and what the allocator keeps for itself."""


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest", "block", "spool"])
def test_memory_stays_under_its_bound_while_the_server_is_silent(overflow: str, tmp_path: Path) -> None:
    """Whatever a full queue does: the queue's bytes, a tenth for its objects, and what is in flight."""
    with program("flood", overflow, str(tmp_path / "spool")) as process:
        found = json.loads(process.ended(110).check().output)
    assert found["grown"] <= 1.1 * found["max_queue_bytes"] + 2 * COPIES * BATCH_BYTES + REST, found
    assert found["lost"] == 0
    if overflow == "spool":
        assert found["dropped"] == 0
        assert found["spooled"] > 100_000
    else:
        assert found["dropped"] > 1_000
