"""The fleet on paper: its model against what was measured, and the page against the model."""

from __future__ import annotations

import pytest

from benchmarks.fleet import model, page, points
from benchmarks.fleet.model import Costs

POINTS = points.read()
COSTS = {encoding: Costs.of(POINTS, encoding) for encoding in page.ENCODINGS}
LOAD = page.HOSTS * page.EACH


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point.relays} {point.encoding}")
def test_the_model_foretells_what_was_measured(point: points.Point) -> None:
    """Within a quarter: the throughput of one relay and of four, by the costs of one and the cores that they had."""
    foretold = model.throughput(COSTS[point.encoding], point.redis_out_cpu, point.relays, point.cores)
    assert foretold == pytest.approx(point.throughput, rel=0.25)


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point.relays} {point.encoding}")
def test_requests_are_as_full_as_whole_entries_let_them_be(point: points.Point) -> None:
    """Nine tenths of what fits, at least; and as full with four relays as with one."""
    costs = COSTS[point.encoding]
    assert 0.9 * costs.most_a_request < point.a_request <= costs.most_a_request
    assert point.a_request == pytest.approx(costs.a_request, rel=0.02)


def test_one_relay_is_fast_enough_to_be_one_of_few() -> None:
    """30,000 events a second would be poor: the relay's own work must stay small beside compression."""
    assert min(point.throughput for point in POINTS) > 30_000


def test_a_thousand_hosts_do_not_fit_one_workspace() -> None:
    """2,000,000 events a second are over 1,800 requests, and the page says so."""
    found = model.need(COSTS["gzip"], LOAD)
    assert 1_800 < found.requests < 1_850
    assert found.workspaces == 3
    assert model.need(COSTS["gzip"], LOAD, share=1).workspaces == 2
    assert f"they are {found.requests:,.0f} a second" in " ".join(page.PAGE.read_text(encoding="utf-8").split())
    assert model.need(COSTS["gzip"], 0.99 * model.fitting(COSTS["gzip"])).workspaces == 1


def test_a_simulated_outage_loses_nothing_and_is_worked_off() -> None:
    """At every second what was added is what was sent and what waits; the rest follows from the two rates."""
    added = sent = 0.0
    for moment in model.simulate(1_000, 1_500, 60):
        added += moment.added
        sent += moment.sent
        assert added == pytest.approx(sent + moment.backlog)
        assert moment.sent <= 1_500
    found = model.outage(1_000, 1_500, 60)
    assert (found.backlog, found.caught_up) == (60_000, 120)


def test_without_capacity_to_spare_an_outage_is_never_worked_off() -> None:
    """The simulation ends all the same."""
    *_, last = model.simulate(1_000, 1_000, 60, longest=3_600)
    assert (last.second, last.backlog) == (3_599, 60_000)


def test_a_simulated_backlog_takes_the_measured_time() -> None:
    """A million events with nothing added, by the throughput that the model foretells for four relays."""
    (point,) = [point for point in POINTS if (point.encoding, point.relays) == ("identity", 4)]
    capacity = model.throughput(COSTS["identity"], point.redis_out_cpu, 4, point.cores)
    seconds = 1_000_000 / capacity
    assert seconds == pytest.approx(1_000_000 / point.throughput, rel=0.25)


@pytest.mark.parametrize(("name", "section"), page.sections(), ids=lambda given: given if " " not in given else "")
def test_the_page_has_the_tables_that_the_model_makes(name: str, section: str) -> None:
    """`python -m benchmarks.fleet table --write` makes them anew."""
    begin, end = page.marks(name)
    stands = [each for each in page.PAGES if begin in each.read_text(encoding="utf-8")]
    assert len(stands) == 1
    assert f"{begin}\n\n{section}\n\n{end}" in stands[0].read_text(encoding="utf-8")


def test_a_small_fleet_keeps_all_of_its_events() -> None:
    """Where a workspace has room for more than there is, the `sample_rate` is the option's highest, 1."""
    limit = dict(page.sections(hosts=200, each=500))["limit"]
    assert [line.split(" | ")[-1] for line in limit.splitlines()[2:]] == ["1.00 |", "1.00 |"]
