"""The demo's gauges tell the truth."""

import time

import gevent

from segment_gevent.cli.shop import HubGauge


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
