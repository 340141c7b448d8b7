"""However a process ends, short of SIGKILL and os._exit, what it was told is delivered first."""

from __future__ import annotations

import json
import re
from signal import SIGINT, SIGTERM

import pytest
from servers.arrivals import Arrivals, numbered
from servers.program import program

ORDERS = pytest.mark.parametrize("order", ["patched-first", "not-patched"])


def check_fates(output: str) -> set[tuple[str, int]]:
    """Every accepted message was delivered before the exit was over; those."""
    told = json.loads(output.splitlines()[-1])
    assert told["delivered"] == len(told["accepted"])
    assert (told["failed"], told["pending"], told["unknown"]) == (0, 0, []), output
    return {("ends", number) for number in told["accepted"]}


@ORDERS
@pytest.mark.parametrize(
    ("how", "code", "count"),
    [
        ("exit_code", 3, 100),
        ("exit_in_greenlet", 3, 100),
        ("killall", 0, 600),
        ("late_exit_handler", 0, 200),
        ("synchronous", 0, 105),
    ],
)
def test_an_exit_delivers_all(arrivals: Arrivals, order: str, how: str, code: int, count: int) -> None:
    """SystemExit anywhere, all greenlets killed, exit handlers that track: nothing is lost."""
    with program("ends", order, *arrivals.arguments, how) as process:
        ended = process.ended().check(code=code)
    assert len(check_fates(ended.output)) == count
    arrivals.expect(numbered("ends", count))


@ORDERS
@pytest.mark.parametrize(("how", "count"), [("destroyed_hub", 200), ("destroyed_hub_and_new", 400)])
def test_a_destroyed_hub_loses_nothing(arrivals: Arrivals, order: str, how: str, count: int) -> None:
    """What its greenlets had in flight, without an answer, is sent again by the same ids; the rest for the first."""
    with program("ends", order, *arrivals.arguments, how) as process:
        ended = process.ended().check()
    assert len(check_fates(ended.output)) == count
    arrivals.expect(numbered("ends", count), resent=True)


@ORDERS
@pytest.mark.parametrize(("how", "code", "count"), [("uncaught", 1, 200), ("uncaught_in_greenlet", 0, 200)])
def test_an_uncaught_exception_delivers_all(arrivals: Arrivals, order: str, how: str, code: int, count: int) -> None:
    """The application's exception is printed once and alone, and what was tracked before it arrives."""
    with program("ends", order, *arrivals.arguments, how) as process:
        ended = process.ended()
    assert ended.code == code
    assert ended.errors.count("Traceback") == ended.errors.count("LookupError: of the application") == 1, ended.errors
    assert len(check_fates(ended.output)) == count
    arrivals.expect(numbered("ends", count))


@ORDERS
@pytest.mark.parametrize(
    "how", ["keyboard_interrupt_while_busy", "keyboard_interrupt_while_waiting", "keyboard_interrupt_while_sending"]
)
def test_ctrl_c_delivers_all(arrivals: Arrivals, order: str, how: str) -> None:
    """A KeyboardInterrupt may be raised in any greenlet, the flusher too; what was accepted arrives all the same."""
    with program("ends", order, *arrivals.arguments, how) as process:
        process.line("busy")
        arrivals.server.wait_for(300)
        process.signal(SIGINT)
        ended = process.ended()
    assert ended.code == -SIGINT, ended
    assert ended.errors.rstrip().endswith("KeyboardInterrupt"), ended.errors
    # Where the signal found the flusher, gevent prints that greenlet's end as well.
    assert not re.search(r"(?m)^(?!KeyboardInterrupt)\w*(Error|Exception|Exit)\b", ended.errors), ended.errors
    told = json.loads(ended.output.splitlines()[-1])
    accepted, arrived = set(told["accepted"]), {number for _, number in arrivals.counted()}
    assert accepted <= arrived <= accepted | set(told["unknown"])  # a call may have been left in the middle
    # So may a send, between the request and its answer: then the batch comes again, by the same ids.
    arrivals.expect((("ends", number) for number in arrived), resent=True)


@ORDERS
def test_greenlets_that_never_end_do_not_hold_up_the_exit(arrivals: Arrivals, order: str) -> None:
    """They track on while the exit delivers: each of their messages is delivered or refused."""
    with program("ends", order, *arrivals.arguments, "busy_greenlets") as process:
        ended = process.ended().check()
    arrivals.expect(check_fates(ended.output))


@ORDERS
def test_a_dropped_client_delivers(arrivals: Arrivals, order: str) -> None:
    """A client whose last reference is gone is kept until its messages have their fate."""
    with program("ends", order, *arrivals.arguments, "dropped_client") as process:
        process.ended().check()
    arrivals.expect(numbered("dropped", 100))


@ORDERS
def test_a_replaced_client_delivers(arrivals: Arrivals, order: str) -> None:
    """So is one whose place `initialize` gave to another."""
    with program("ends", order, *arrivals.arguments, "replaced_client") as process:
        ended = process.ended().check()
    assert json.loads(ended.output)["delivered"] == 100  # by the client that came after
    arrivals.expect(numbered("ends", 200))


@ORDERS
def test_a_flush_before_os_exit_is_enough(arrivals: Arrivals, order: str) -> None:
    """os._exit runs no exit handler; what was flushed before it has arrived."""
    with program("ends", order, *arrivals.arguments, "without_exit") as process:
        process.ended().check()
    arrivals.expect(numbered("ends", 100))


@ORDERS
@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("on_sigterm", -SIGTERM),
        ("on_sigterm_in_busy_main", -SIGTERM),
        ("on_sigterm_in_native_wait", -SIGTERM),
        ("on_sigterm_with_handler", 4),
        ("on_sigterm_ignored", 0),
    ],
)
def test_sigterm_delivers_and_does_what_it_did(arrivals: Arrivals, order: str, how: str, code: int) -> None:
    """After `install_signal_handlers`, SIGTERM delivers and then kills, calls the handler before it, or is ignored."""
    with program("ends", order, *arrivals.arguments, how) as process:
        process.line("busy")
        if "native" not in how:
            arrivals.server.wait_for(1)
        process.signal(SIGTERM)
        ended = process.ended().check(code=code)
    arrived = {number for _, number in arrivals.counted()}
    assert len(arrived) >= 9
    arrivals.expect(numbered("ends", max(arrived) + 1))
    if code >= 0:
        check_fates(ended.output)
