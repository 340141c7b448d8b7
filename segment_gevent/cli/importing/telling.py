"""What an import says: how far it is, each bad line where nobody keeps them, and what became of all in the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from segment_gevent.words import counted

SHOW_EVERY = 0.5
"""Seconds between two looks of the bar, on a terminal."""
SAY_EVERY = 10.0
"""Seconds between two lines, elsewhere."""
SHOWN_REJECTS = 20
"""Bad lines that are shown where no file keeps them."""
COUNTED_REASONS = 1_000
"""Reasons that are counted apart: each bad line may have one of its own."""
OTHER_REASONS = "other reasons"


class Rate(ProgressColumn):
    """Records a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.fields['settled']:,} ({task.fields['rate']:,.0f}/s)")


class Telling:
    """One import's words; figures and trouble go to stderr, the summary and a dry run's report to stdout.

    Args:
        size: bytes to read, 0 where nobody knows.
        shows_all_rejects: whether the bad lines are what the user asked for.
        keeps_rejects: whether a file has them.
        console, report: other places than stderr and stdout.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        size: int,
        *,
        shows_all_rejects: bool,
        keeps_rejects: bool,
        console: Console | None = None,
        report: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._size = size
        self._console = console or Console(stderr=True, highlight=False, markup=False)
        self._report = report or Console(highlight=False, markup=False)
        self._shows_all = shows_all_rejects
        self._left_to_show = 0 if keeps_rejects else SHOWN_REJECTS
        self._clock = clock
        self._begin = clock()
        self._next = 0.0
        self._reasons: Counter[str] = Counter()
        self._progress = Progress(
            TextColumn("importing"),
            BarColumn(bar_width=20),  # so that all fits 80 columns
            Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            get_time=clock,
            auto_refresh=False,  # by a native thread
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task("", total=size or None, settled=0, rate=0.0)
        self._progress.start()

    def progress(self, read: int, settled: int) -> None:
        """So many bytes were read, and so many records have their fate; says so now and then."""
        now = self._clock()
        if now < self._next:
            return
        seconds = now - self._begin
        rate = settled / seconds if seconds else 0.0
        if self._console.is_terminal:
            self._next = now + SHOW_EVERY
            self._progress.update(self._task, completed=read, settled=settled, rate=rate, refresh=True)
            return
        if seconds >= SAY_EVERY:
            left = f", {(self._size - read) * seconds / read:,.0f} s left" if self._size and read else ""
            self._say(f"{counted(settled, 'line')} done, {rate:,.0f} a second{left}")
            self._next = now + SAY_EVERY

    def rejected(self, name: str, line: int, reason: str) -> None:
        """One bad line."""
        is_room = reason in self._reasons or len(self._reasons) < COUNTED_REASONS
        self._reasons[reason if is_room else OTHER_REASONS] += 1
        if self._shows_all:
            self._report.print(f"{name}:{line}: {reason}", soft_wrap=True)
        elif self._left_to_show:
            self._left_to_show -= 1
            self._say(f"{name}:{line}: {reason}")
            if not self._left_to_show:
                self._say("… and so on; --rejects PATH keeps them all")

    def summary(self, lines: Sequence[str]) -> None:
        """The last words."""
        self._progress.stop()
        for line in lines:
            self._report.print(line, soft_wrap=True)
        for reason, number in self._reasons.most_common(5):
            self._report.print(f"  {number:,}: {reason}", soft_wrap=True)

    def _say(self, text: str) -> None:
        self._progress.console.print(text, soft_wrap=True)
