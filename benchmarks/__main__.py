"""The command line: see the package's docstring."""

from __future__ import annotations

import argparse
import sys

from benchmarks import plan, report
from benchmarks.figures import lost_shares
from benchmarks.runner import run


def main() -> int:
    names = [case.name for case in plan.WHOLE]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What an event costs.")
    parser.add_argument(
        "--quick", action="store_true", help="under two minutes; fails when it is farther from the floor than it was"
    )
    parser.add_argument("--only", nargs="+", choices=names, metavar="CASE", help=f"one or more of {', '.join(names)}")
    arguments = parser.parse_args()

    chosen = plan.QUICK if arguments.quick else plan.WHOLE
    cases = [case for case in chosen if not arguments.only or case.name in arguments.only]
    if not cases:
        parser.error(f"the quick mode has {', '.join(case.name for case in chosen)}")
    results = run(cases)
    print(report.text(results))
    if arguments.quick:
        lost = lost_shares(results)
        print("\n".join(["", "lost:", *lost] if lost else ["", "every share is kept"]))
        return 1 if lost else 0
    if not arguments.only:
        report.write(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
