"""Calls from the hub, from signal handlers and from threads whose home hub sleeps; waits that hold up no one."""

from __future__ import annotations

import pytest
from servers.arrivals import Arrivals, Counted, numbered
from servers.program import program

ORDERS = pytest.mark.parametrize("order", ["patched-first", "patched-late", "not-patched"])


@ORDERS
@pytest.mark.parametrize("scheme", ["http", "https"], indirect=True)
def test_a_thousand_turns_while_the_server_withholds_its_answer(arrivals: Arrivals, order: str) -> None:
    """A batch in flight stalls no other greenlet, monkey-patched or not."""
    arrivals.server.faults([{"hold": True}])
    with program("turns", order, *arrivals.arguments, "thousand_turns") as process:
        arrivals.server.wait_for(held=1)
        process.line("1000 turns")
        assert arrivals.server.release() == 1
        process.ended().check()
    arrivals.expect(numbered("turns", 100))


@ORDERS
@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("in_hub", numbered("hub", 100)),
        ("in_hub_synchronously", numbered("hub", 100)),
        (
            "in_signal_handlers",
            numbered("handler", 300).union(*(numbered(f"greenlet {number}", 2000) for number in range(3))),
        ),
        ("blocked_main", numbered("main", 100).union(*(numbered(f"thread {number}", 100) for number in range(3)))),
        ("thread_wakes_hub", numbered("main", 1) | numbered("thread", 100)),
        ("idle", numbered("idle", 300)),
    ],
    ids=["hub", "hub-synchronously", "signal-handlers", "blocked-main", "thread-wakes-hub", "idle"],
)
def test_calls_from_where_little_is_allowed(arrivals: Arrivals, order: str, how: str, expected: Counted) -> None:
    """In the hub nothing can wait, a handler may run in any greenlet, another thread's hub may sleep or never turn."""
    with program("turns", order, *arrivals.arguments, how) as process:
        ended = process.ended().check()
    assert not ended.errors
    arrivals.expect(expected)
