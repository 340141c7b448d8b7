"""The command line: see the package's docstring."""

from __future__ import annotations

import argparse
import sys
from statistics import median

from benchmarks.fleet import page, points


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description="What a fleet takes.")
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="one relay and four, in a few minutes; writes points.json")
    measuring.add_argument("--events", type=int, default=1_000_000)
    measuring.add_argument("--rounds", type=int, default=3)
    table = commands.add_parser("table", help="what so many hosts need, by the measured points")
    table.add_argument("--hosts", type=int, default=page.HOSTS)
    table.add_argument("--each", type=int, default=page.EACH, help="events a second")
    table.add_argument("--write", action="store_true", help="into docs/fleet-sizing.md")
    losses = commands.add_parser("losses", help="what a killed Redis and a failover lose; writes losses.json")
    losses.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    if given.command == "measure":
        points.write([_point(relays, encoding, given) for encoding in page.ENCODINGS for relays in (1, 4)])
    elif given.command == "losses":
        from benchmarks.fleet import losses as of_losses

        of_losses.write(of_losses.measure(given.rounds))
    elif given.write:
        page.write()
    else:
        print(page.tables(given.hosts, given.each))
    return 0


def _point(relays: int, encoding: str, given: argparse.Namespace) -> points.Point:
    """The round with the median throughput."""
    from benchmarks.fleet.measure import measure

    rounds = [measure(relays, encoding, given.events) for _ in range(given.rounds)]
    print(relays, encoding, *(f"{each.throughput:,.0f}" for each in rounds), "events a second", flush=True)
    middle = median(each.throughput for each in rounds)
    return next(each for each in rounds if each.throughput == middle) if given.rounds % 2 else rounds[0]


if __name__ == "__main__":
    sys.exit(main())
