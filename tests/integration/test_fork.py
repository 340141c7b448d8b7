"""After a fork, parent and child each deliver their own messages, over their own connections, none of the other's."""

from __future__ import annotations

import pytest
from servers.arrivals import Arrivals, numbered
from servers.program import program

ORDERS = pytest.mark.parametrize("order", ["patched-first", "not-patched"])
SCHEMES = pytest.mark.parametrize("scheme", ["http", "https"], indirect=True)


@ORDERS
@SCHEMES
@pytest.mark.parametrize("how", ["os_fork_under_load", "gevent_fork_under_load"])
def test_20_forks_under_load_cost_nothing(arrivals: Arrivals, order: str, how: str) -> None:
    """No message is lost or sent twice and no request is broken, whatever was under way at the moment of a fork."""
    with program("forks", order, *arrivals.arguments, how) as process:
        ended = process.ended().check()
    assert not ended.errors
    counts = [line.split(":") for line in ended.output.split("\n") if line]
    assert len(counts) == 4, ended.output
    expected = set().union(*(numbered(who, int(count)) for who, count in counts))
    arrivals.expect(expected.union(*(numbered(f"child {number}", 30) for number in range(20))))


@ORDERS
@pytest.mark.parametrize("scheme", ["https"], indirect=True)
def test_a_fork_in_the_midst_of_the_first_send_costs_nothing(arrivals: Arrivals, order: str) -> None:
    """A native thread may be reading the CA bundle, or the parent may be in a connect or a TLS handshake."""
    with program("forks", order, *arrivals.arguments, "during_first_sends") as process:
        ended = process.ended().check()
    assert not ended.errors
    arrivals.expect(numbered("parent", 60) | numbered("child", 30))


@ORDERS
@pytest.mark.parametrize(
    "how",
    ["flush_in_child", "from_thread", "from_greenlet", "several_clients"],
)
def test_parent_and_child_deliver_their_own(arrivals: Arrivals, order: str, how: str) -> None:
    """Whoever forks: the main greenlet, another greenlet, or a native thread."""
    with program("forks", order, *arrivals.arguments, how) as process:
        ended = process.ended().check()
    assert not ended.errors
    arrivals.expect(numbered("parent", 200) | numbered("child", 100))


@ORDERS
def test_grandchildren_deliver_their_own(arrivals: Arrivals, order: str) -> None:
    """Four generations, each forked while the one before has messages waiting."""
    with program("forks", order, *arrivals.arguments, "grandchildren") as process:
        ended = process.ended().check()
    assert not ended.errors
    expected = [numbered(f"generation {number}", 100) for number in range(3)]
    arrivals.expect(set().union(*expected, numbered("generation 3", 50)))


@ORDERS
def test_a_child_that_tracked_nothing_has_nothing_to_wait_for(arrivals: Arrivals, order: str) -> None:
    """Its flush and shutdown return True, though its parent had messages waiting; closed, it refuses."""
    with program("forks", order, *arrivals.arguments, "idle_calls_in_child") as process:
        ended = process.ended().check()
    assert not ended.errors
    arrivals.expect(numbered("parent", 100))


@ORDERS
def test_callbacks_are_told_of_their_own_process_only(arrivals: Arrivals, order: str) -> None:
    """A callback registered before the fork runs in both, each time for that process's batches."""
    with program("forks", order, *arrivals.arguments, "callbacks_in_child") as process:
        ended = process.ended().check()
    assert not ended.errors
    arrivals.expect(numbered("parent", 100) | numbered("child", 100))


@ORDERS
@SCHEMES
def test_a_child_that_execs_costs_nothing(arrivals: Arrivals, order: str) -> None:
    """gevent.subprocess runs at-fork hooks before each exec: they start no greenlet and close no connection."""
    with program("forks", order, *arrivals.arguments, "exec_costs_nothing") as process:
        ended = process.ended().check()
    assert not ended.errors
    arrivals.expect(numbered("parent", 200))


@pytest.mark.parametrize("kind", ["fork", "spawn", "forkserver", "executor"])
def test_workers_of_a_process_pool_deliver(arrivals: Arrivals, kind: str) -> None:
    """multiprocessing.Pool, closed and joined, and ProcessPoolExecutor."""
    with program("pools", "not-patched", *arrivals.arguments, kind) as process:
        ended = process.ended().check()
    assert not ended.errors
    arrivals.expect(numbered("parent", 200).union(*(numbered(f"task {number}", 20) for number in range(10))))
