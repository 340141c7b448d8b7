"""The demo's gauges tell the truth."""

import time

import gevent
import pytest

from segment_gevent.cli.demo.gauges import CallGauge, HubGauge


def test_the_hub_gauge_sees_a_block() -> None:
    """What holds the hub back for 50 ms shows as no less."""
    gauge = HubGauge()
    assert gauge.longest_ns == 0
    gauge.start()
    gevent.sleep(0.005)
    time.sleep(0.05)  # native: this is the block
    gevent.sleep(0.005)
    gauge.stop()
    assert gauge.longest_ns >= 45_000_000


def test_the_call_gauge_times_each_call_and_changes_none() -> None:
    """Arguments go in, the result comes out, and what is raised too; that one is no call that was made."""
    gauge = CallGauge()
    double = gauge.timed(lambda number, *, by: time.sleep(number / 1000) or number * by)
    assert [double(number, by=2) for number in (0, 2, 4)] == [0, 4, 8]
    with pytest.raises(TypeError):
        double("text", by=2)
    assert len(gauge) == 3
    assert gauge.median_ns >= 2_000_000
    assert gauge.late_ns >= gauge.median_ns


def test_no_call_is_no_division_by_zero() -> None:
    """Nor is one."""
    gauge = CallGauge()
    assert (gauge.median_ns, gauge.late_ns) == (0, 0)
    gauge.timed(lambda: None)()
    assert gauge.late_ns == gauge.median_ns
