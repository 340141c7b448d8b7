"""Runs the cases: round after round, each library in turn in a process of its own, and collects what they print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measures.subject import Figures
from benchmarks.plan import HARNESS, Case
from benchmarks.results import Results
from benchmarks.servers import SUBJECT_CORE, pin, server
from benchmarks.subject import Task

ROOT = Path(__file__).parent.parent
LONGEST = 180.0
"""Seconds after which a subject is killed, and its run left out."""


def run(cases: Sequence[Case]) -> Results:
    """All cases; what a machine does meanwhile meets every library alike, since they take turns."""
    results = Results()
    for turn in range(max(case.rounds for case in cases)):
        for case in cases:
            if turn < case.rounds:
                for library in case.libraries:
                    print(f"round {turn + 1} of {case.rounds}: {case.name}, {library}", file=sys.stderr)
                    results.add(case.name, library, run_once(case, library))
    return results


def run_once(case: Case, library: str) -> Figures:
    """One library in one case; no figures where it did not end by itself."""
    with server(case.server) as to:
        task = Task(case.measure, library, case.setting, to.url, case.arguments)
        figures = _figures(task)
    if "sent" in figures and library != HARNESS:
        figures["lost"] = figures.pop("sent") - to.counts.events
    return figures


def _figures(task: Task) -> Figures:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.subject", task.to_json()],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            stdout=subprocess.PIPE,
            text=True,
            timeout=LONGEST,
            check=True,
            preexec_fn=lambda: pin(SUBJECT_CORE),
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        print(f"left out: {error}", file=sys.stderr)
        return {}
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures
