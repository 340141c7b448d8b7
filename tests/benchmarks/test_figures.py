"""Whether a figure is reached: by its unit, and by what others take in the same run."""

from __future__ import annotations

from benchmarks import report
from benchmarks.figures import FIGURES, Standing, lost_shares
from benchmarks.plan import FLOOR, HARNESS, OFFICIAL, OURS, PEERS, QUICK, WHOLE
from benchmarks.results import Results


def results_of(case: str, name: str, **by_library: float) -> Results:
    """Results of one figure, in three rounds alike."""
    names = {"ours": OURS, "official": OFFICIAL, "libhoney": "libhoney", "floor": FLOOR, "harness": HARNESS}
    results = Results()
    for _ in range(3):
        for library, value in by_library.items():
            results.add(case, names[library], {name: value})
    return results


CALL = next(figure for figure in FIGURES if (figure.case, figure.name) == ("calls", "median_us"))


def test_the_harness_is_taken_off_before_anything_is_compared() -> None:
    """Of 5 and 41 µs, 1 is the harness's own: 4 against 40."""
    results = results_of("calls", "median_us", ours=5, official=41, libhoney=21, floor=3, harness=1)
    standing = Standing.of(CALL, results)
    assert (standing.ours, standing.official, standing.best, standing.best_name) == (4, 40, 20, "libhoney")
    assert standing.floor == 2


def test_a_lost_share_fails_and_a_missed_unit_does_not() -> None:
    """What a machine takes depends on it, and so does what other libraries take; the floor does as ours does."""
    slow = results_of("calls", "median_us", ours=40, official=41, libhoney=42, floor=30)
    assert lost_shares(slow) == []
    assert [bound.reached for bound in Standing.of(CALL, slow).bounds()] == [False, False, False, True]
    lost = results_of("calls", "median_us", ours=3, official=100, libhoney=100, floor=1)
    assert lost_shares(lost) == [f"{CALL.title}: ≤ {CALL.of_floor:g} × floor"]


def test_more_is_better_where_it_is_said() -> None:
    """Events a second are to be half of the floor's at least."""
    assert lost_shares(results_of("plain", "events_per_s", ours=49, floor=100)) != []
    assert lost_shares(results_of("plain", "events_per_s", ours=51, floor=100)) == []


def test_what_was_not_measured_is_neither_reached_nor_lost() -> None:
    """A case may be left out, and so may a library."""
    results = results_of("calls", "median_us", ours=3)
    assert [bound.reached for bound in Standing.of(CALL, results).bounds()] == [True, None, None, None]
    assert lost_shares(results) == []


def test_every_figure_is_measured() -> None:
    """Its case exists, and the quick mode has each share with whom it is a share of."""
    cases = {case.name: case for case in WHOLE}
    assert {figure.case for figure in FIGURES} <= set(cases)
    quick = {case.name: case for case in QUICK}
    for figure in FIGURES:
        if figure.of_official or figure.of_best or figure.of_floor:
            assert {OURS, OFFICIAL, FLOOR} <= set(quick[figure.case].libraries)


def test_the_report_says_what_is_reached() -> None:
    """One row a figure, with everybody's medians and a mark for each bound; then the case with its quartiles."""
    text = report.text(results_of("calls", "median_us", ours=3, official=40, libhoney=10, floor=2))
    assert "| a live `track()` call, median, µs | **3** | 40 | 10 (libhoney) | 2 |" in text
    assert "≤ 4 µs ✓; ≤ 0.15 × official ✓; ≤ 0.25 × best ✗" in text
    assert "| libhoney | 10 |" in text
    assert set(PEERS) > {OFFICIAL}
