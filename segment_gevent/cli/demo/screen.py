"""The demo in the terminal, while it happens: what the visitors, the client and the local Segment do."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from segment_gevent.cli.demo.passage import Counts
from segment_gevent.cli.demo.visitors import Visitors

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 40


class Screen:
    """A context manager. In a terminal it draws anew with each `show`; elsewhere only what is said is printed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        # Redrawn from here: rich would start a native thread for it.
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._queue: deque[int] = deque(maxlen=_WIDTH)
        self._batches: deque[int] = deque(maxlen=_WIDTH)
        self._before = Counts()

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def say(self, elapsed: float, words: str) -> None:
        """Print a line that stays."""
        self._console.print(f"{elapsed:5.1f} s  {words}", markup=False, soft_wrap=True)

    def show(self, visitors: Visitors, counts: Counts, trouble: str) -> None:
        """Draw this moment; `trouble` is what is wrong with the local Segment, "" for nothing."""
        self._queue.append(counts.pending)
        self._batches.append(batch_size(self._before, counts))
        self._before = counts
        if self._console.is_terminal:
            self._live.update(self._table(visitors, counts, trouble), refresh=True)

    def _table(self, visitors: Visitors, counts: Counts, trouble: str) -> Table:
        table = Table.grid(padding=(0, 2))
        here = f"{visitors.come - visitors.left:,} in the shop, {visitors.come:,} so far"
        table.add_row("Visitors", here)
        table.add_row("Segment", Text(trouble or "takes everything", style="bold red" if trouble else "green"))
        table.add_row("Queue", f"{sparkline(self._queue)}  {counts.pending:,} calls wait")
        table.add_row("Batches", f"{sparkline(self._batches)}  {self._batches[-1]:,} messages each")
        told = f"{counts.delivered:,} of {counts.submitted:,} calls, retries {counts.retries:,}"
        table.add_row("Delivered", told)
        return table


def batch_size(before: Counts, counts: Counts) -> int:
    """How many messages a batch had between two moments; 0 where none was delivered.

    >>> batch_size(Counts(delivered=100, batches=10), Counts(delivered=700, batches=12))
    300
    """
    batches = counts.batches - before.batches
    return (counts.delivered - before.delivered) // batches if batches else 0


def sparkline(values: Sequence[int]) -> str:
    """The values as bars, the highest of them at full height, to the right.

    >>> sparkline([0, 1, 4, 8]).strip()
    '▁▁▄█'
    """
    highest = max(values, default=0) or 1
    bars = "".join(_BARS[value * (len(_BARS) - 1) // highest] for value in values)
    return bars.rjust(_WIDTH)
