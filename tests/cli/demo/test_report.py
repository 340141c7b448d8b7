"""The report says what was found, and marks what is not as it should be."""

from dataclasses import replace

import pytest

from segment_gevent.cli.demo.report import Report

GOOD = Report(
    visitors=500,
    most=130,
    requests=3000,
    failed_requests=0,
    seconds=2.0,
    calls=6000,
    by_type={"pages": 2000, "tracks": 4000, "groups": 0},
    arrived=6000,
    duplicates=0,
    invalid=0,
    batches=30,
    retries=1,
    bytes_sent=1_800_000,
    passages=["outage of 2.0 s: 3 requests refused"],
    call_median_ns=4200.0,
    call_99th_ns=12_340.0,
    stall_ns=4_560_000.0,
)


def bad_lines(report: Report) -> list[str]:
    return [line for line, good in report.lines() if not good]


def test_a_good_report() -> None:
    """Every figure with its unit, a line each."""
    assert [line for line, _ in GOOD.lines()] == [
        "visitors 500, 130 at a time",
        "requests 3,000 in 2.0 s, 1,500 a second",
        "calls 6,000: pages 2,000, tracks 4,000",
        "delivered 6,000",
        "lost 0",
        "duplicates 0",
        "invalid 0",
        "outage of 2.0 s: 3 requests refused",
        "batches 30, 200 messages each, 1,800 kB, retries 1",
        "a call took 4.2 µs (median), 12.3 µs (99th percentile)",
        "longest stall of the shop's hub 4.6 ms",
    ]
    assert GOOD.good
    assert bad_lines(GOOD) == []


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({"arrived": 5998}, ["delivered 5,998", "lost 2"]),
        ({"duplicates": 3}, ["duplicates 3"]),
        ({"invalid": 1}, ["invalid 1"]),
        ({"failed_requests": 1}, ["requests failed 1"]),
    ],
)
def test_what_went_wrong_is_marked(change: dict[str, int], lines: list[str]) -> None:
    """And the demo is not good."""
    report = replace(GOOD, **change)
    assert not report.good
    assert bad_lines(report) == lines


def test_a_real_server_keeps_duplicates_to_itself() -> None:
    """And what it thinks of the messages; that is said, and is no failure."""
    report = replace(GOOD, duplicates=None, invalid=None)
    assert report.good
    lines = [line for line, _ in report.lines()]
    assert "duplicates unknown: only the server can tell" in lines
    assert "invalid unknown: only the server can tell" in lines


def test_nothing_at_all_is_no_division_by_zero() -> None:
    """No batches, no time."""
    assert list(replace(GOOD, batches=0, arrived=0, seconds=0.0).lines())
