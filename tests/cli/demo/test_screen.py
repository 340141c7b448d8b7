"""The demo's terminal: a picture where there is one, and lines everywhere."""

import io
from types import SimpleNamespace
from typing import Any, cast

from rich.console import Console

from segment_gevent.cli.demo.passage import Counts
from segment_gevent.cli.demo.screen import Screen
from segment_gevent.cli.demo.visitors import Visitors

VISITORS = cast(Visitors, SimpleNamespace(come=30, left=10))


def shown(**options: Any) -> str:
    """What a demo of three moments writes."""
    file = io.StringIO()
    with Screen(Console(file=file, width=120, highlight=False, **options)) as screen:
        screen.show(VISITORS, Counts(submitted=100, delivered=90, pending=10, batches=9), "")
        screen.say(1.5, "Segment is away [for now]")
        screen.show(VISITORS, Counts(submitted=2000, delivered=90, pending=1910, batches=9), "is away")
        screen.show(VISITORS, Counts(submitted=2000, delivered=2000, pending=0, batches=11, retries=3), "")
    return file.getvalue()


def test_a_terminal_sees_it_live() -> None:
    """Visitors, the state of Segment, the queue as it grew and went, the size of batches, and what is delivered."""
    text = shown(force_terminal=True)
    for part in (
        "20 in the shop, 30 so far",
        "is away",
        "takes everything",
        "1,910 calls wait",
        "▁█▁  0 calls wait",
        "955 messages each",
        "2,000 of 2,000 calls, retries 3",
    ):
        assert part in text


def test_elsewhere_only_lines_are_written() -> None:
    """As in the log of a CI run; brackets are no markup."""
    assert shown() == "  1.5 s  Segment is away [for now]\n"
