"""What an import says on its way."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from segment_gevent.cli.importing.telling import COUNTED_REASONS, OTHER_REASONS, SHOWN_REJECTS, Telling


class Said:
    """An import's words on a terminal or elsewhere, by a clock of its own."""

    def __init__(self, *, is_terminal: bool, size: int = 1_000, keeps_rejects: bool = True, width: int = 100) -> None:
        self.now = 50.0
        self._errors, self._output = StringIO(), StringIO()
        self.telling = Telling(
            size,
            shows_all_rejects=False,
            keeps_rejects=keeps_rejects,
            console=Console(file=self._errors, force_terminal=is_terminal, width=width, highlight=False, markup=False),
            report=Console(file=self._output, width=width, highlight=False, markup=False),
            clock=lambda: self.now,
        )

    def after(self, seconds: float, read: int, settled: int) -> str:
        """What is said of it that was not said before."""
        begin = len(self._errors.getvalue())
        self.now += seconds
        self.telling.progress(read, settled)
        return self._errors.getvalue()[begin:]

    @property
    def errors(self) -> str:
        return self._errors.getvalue()

    @property
    def output(self) -> str:
        return self._output.getvalue()


def test_a_terminal_shows_a_bar_with_rate_and_time_left() -> None:
    """Redrawn twice a second, whatever comes in between."""
    said = Said(is_terminal=True)
    first = said.after(1, 100, 2_000)
    assert "importing" in first
    assert "2,000 (2,000/s)" in first
    assert said.after(0.1, 110, 2_200) == ""
    later = said.after(0.9, 200, 4_000)
    assert "4,000 (2,000/s)" in later
    assert "0:00:02" in later
    assert "0:00:08" in later  # of 1,000 bytes, 200 were read in 2 s


def test_the_bar_fits_a_terminal_of_80_columns() -> None:
    """With figures as large as they get."""
    said = Said(is_terminal=True, size=10**11, width=80)
    said.after(35_999, 10**9, 10**9)
    bar = said.after(1, 10**10, 1_200_000_000)
    for figure in ("1,200,000,000 (33,333/s)", "10:00:00", "0:00:10"):
        assert figure in bar


def test_elsewhere_a_line_is_said_now_and_then() -> None:
    """Every ten seconds: a log should stay readable."""
    said = Said(is_terminal=False)
    assert said.after(5, 100, 2_000) == ""
    assert said.after(5, 250, 5_000) == "5,000 lines done, 500 a second, 30 s left\n"
    assert said.after(5, 300, 6_000) == ""
    assert said.after(5, 500, 10_000) == "10,000 lines done, 500 a second, 20 s left\n"


def test_where_nobody_knows_the_size_no_end_is_promised() -> None:
    """Standard input may go on for ever."""
    assert Said(is_terminal=False, size=0).after(10, 250, 5_000) == "5,000 lines done, 500 a second\n"
    said = Said(is_terminal=True, size=0)
    said.after(1, 250, 5_000)
    assert "10,000 (5,000/s)" in said.after(1, 500, 10_000)


def test_bad_lines_are_shown_where_no_file_keeps_them() -> None:
    """The first of them: a million would be no help."""
    said = Said(is_terminal=False, keeps_rejects=False)
    for line in range(SHOWN_REJECTS + 5):
        said.telling.rejected("a", line, "not JSON")
    shown = said.errors.splitlines()
    assert shown[0] == "a:0: not JSON"
    assert len(shown) == SHOWN_REJECTS + 1
    assert "--rejects PATH" in shown[-1]


def test_reasons_are_counted_within_bounds() -> None:
    """Each of a million bad lines may have a reason of its own."""
    said = Said(is_terminal=False)
    for line in range(COUNTED_REASONS + 500):
        said.telling.rejected("a", line, f"reason {line}")
    said.telling.summary(["delivered 0"])
    assert said.output.splitlines()[:2] == ["delivered 0", f"  500: {OTHER_REASONS}"]
