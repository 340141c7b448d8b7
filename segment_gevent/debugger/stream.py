"""What arrives, as it arrives: frames of server-sent events for who keeps a connection open."""

from __future__ import annotations

from collections.abc import Generator

import gevent
import orjson

from segment_gevent.debugger.database import Database, Filter, Kept
from segment_gevent.debugger.query import Query
from segment_gevent.debugger.shown import shown
from segment_gevent.debugger.state import State

# Five frames a second look alive, and cost little however many events there are.
INTERVAL = 0.2
HEARTBEAT = 15.0
_NEWEST = 50


def frames(state: State, query: Query, *, heartbeat: float = HEARTBEAT) -> Generator[bytes, None, None]:
    """A frame at once, then one after each change, at most five a second; a comment each `heartbeat` seconds where not.

    Waits cooperatively between frames. Never ends: the server closes it with the connection.
    """
    store = state.store
    resets, last, second = store.resets, store.last, 0.0
    changes = state.changes
    yield _frame(state, last, (0, []), second)
    while True:
        before = changes
        if not state.wait_until(lambda: state.changes != before, heartbeat):  # noqa: B023  # called within the turn
            yield b": nothing new\n\n"
            continue
        changes = state.changes
        if store.resets != resets:
            resets, last, second = store.resets, store.floor - 1, 0.0
            yield b"event: reset\ndata: {}\n\n"
        upto, second_seen = store.last, store.counts.chart.newest
        arrived = (0, []) if upto == last else store.ask(_arrived, query.between(last, upto).filter())
        yield _frame(state, upto, arrived, second)
        last, second = upto, second_seen
        gevent.sleep(INTERVAL)


def _arrived(database: Database, wanted: Filter) -> tuple[int, list[Kept]]:
    return database.count(wanted), database.select(wanted, _NEWEST)


def _frame(state: State, last: int, arrived: tuple[int, list[Kept]], second: float) -> bytes:
    matched, events = arrived
    data = {
        "last": last,
        "matched": matched,
        "kept": len(state.store),
        "events": [shown(event) for event in events],
        "summary": state.counts(),
        "types": state.store.counts.by_type,
        "seconds": state.store.counts.chart.since(second),
        "faults": len(state.faults),
        "held": state.held,
    }
    return b"event: change\ndata: " + orjson.dumps(data) + b"\n\n"
