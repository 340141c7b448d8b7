"""Which cases there are: what each measures, with which setting and server, of whom, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from benchmarks.floor import RawSocket, Requests
from benchmarks.libraries import (
    Libhoney,
    Nothing,
    PostHog,
    Rudder,
    SegmentGevent,
    SegmentGeventTold,
    SegmentPython,
    Setting,
)

OURS, OFFICIAL, HARNESS, FLOOR = SegmentGevent.name, SegmentPython.name, Nothing.name, RawSocket.name
PEERS = (OFFICIAL, Libhoney.name, PostHog.name, Rudder.name)
EVERYBODY = (HARNESS, OURS, *PEERS, FLOOR, Requests.name)
FEW = (HARNESS, OURS, OFFICIAL, Libhoney.name, FLOOR)
"""Ours, Segment's own, the cheapest peer and the floor: enough for a ratio and for a line in a plot."""

PLAIN, GZIP, DEFAULTS = Setting(100, gzip=False), Setting(100, gzip=True), Setting()


@dataclass(frozen=True)
class Case:
    """One measure of several libraries in one setting; `arguments` are the measure's own."""

    name: str
    title: str
    measure: str
    arguments: Mapping[str, int] = field(default_factory=dict)
    setting: Setting = PLAIN
    server: str = "live"
    libraries: tuple[str, ...] = EVERYBODY
    rounds: int = 5


TOLD = (*EVERYBODY, SegmentGeventTold.name)

WHOLE = (
    Case("calls", "`track()` in bursts of 100", "calls", {"events": 20_000, "burst": 100}),
    Case("single-calls", "`track()` once a millisecond", "calls", {"events": 2_000, "burst": 1}),
    Case("plain", "End to end", "end_to_end", {"events": 20_000}, libraries=TOLD),
    Case(
        "gzip",
        "End to end, gzip",
        "end_to_end",
        {"events": 20_000},
        GZIP,
        libraries=TOLD,
    ),
    Case("defaults", "End to end, each library's own defaults", "end_to_end", {"events": 20_000}, DEFAULTS),
    Case("steady", "2,000 events a second, gzip", "steady", {"rate": 2_000, "seconds": 5}, GZIP, rounds=3),
    Case("memory", "100,000 waiting messages", "memory", {"events": 100_000}, server="silent", rounds=3),
    Case(
        "imports",
        "`import`, on top of gevent with its queues, sockets and threadpool",
        "imports",
        server="refused",
        libraries=(OURS, *PEERS),
        rounds=20,
    ),
    *(
        Case(
            f"shutdown-{server}",
            f"Shutdown with 1,000 waiting, server {server}",
            "shutdown",
            {"events": 1_000},
            server=server,
            libraries=(OURS, *PEERS),
            rounds=1,
        )
        for server in ("live", "refused", "silent")
    ),
    Case(
        "flush-at",
        "CPU of an event at 2,000 a second, by `flush_at`",
        "by_flush_at",
        {"rate": 2_000, "seconds": 2},
        libraries=FEW,
        rounds=3,
    ),
    Case("greenlets", "CPU of an event by greenlets", "by_greenlets", {"events": 10_000}, libraries=FEW, rounds=3),
    Case("sizes", "CPU of an event by bytes of properties", "by_size", {"size": 4_000_000}, libraries=FEW, rounds=3),
    Case("waiting", "A call by waiting messages", "by_waiting", server="silent", libraries=FEW, rounds=1),
)

_QUICK: Mapping[str, tuple[Mapping[str, int], int]] = {
    "calls": ({"events": 10_000, "burst": 100}, 3),
    "plain": ({"events": 5_000}, 5),
    "gzip": ({"events": 5_000}, 5),
    "steady": ({"rate": 2_000, "seconds": 1}, 3),
    "memory": ({"events": 50_000}, 1),
    "imports": ({}, 5),
}
"""What the ratios need, by case: the arguments, and the rounds."""

QUICK = tuple(
    replace(case, arguments=arguments, rounds=rounds, libraries=tuple(each for each in case.libraries if each in FEW))
    for case in WHOLE
    for arguments, rounds in [_QUICK.get(case.name, ({}, 0))]
    if rounds
)
