"""The official client's own tests, run against the module that takes its place."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from servers.local_segment import LocalSegment
from servers.program import PROGRAMS, ROOT
from servers.requirements import lacking

OFFICIAL = "segment-analytics-python==2.4.0"
TALLY = re.compile(r"(\d+) passed, (\d+) skipped in")


@pytest.fixture(scope="session")
def official_tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tests of the official distribution, as PyPI has it."""
    folder = tmp_path_factory.mktemp("official")
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder)]
    done = subprocess.run([*pip, OFFICIAL], capture_output=True, text=True, timeout=100)
    if done.returncode != 0:
        lacking(f"{OFFICIAL}, from PyPI,")
    (wheel,) = folder.glob("*.whl")
    tests = folder / "tests"
    tests.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith("segment/analytics/test/test_"):
                (tests / Path(name).name).write_bytes(archive.read(name))
    return tests


@pytest.mark.parametrize("runner", ["pytest", "gevent.monkey"], ids=["not patched", "patched first"])
def test_the_official_tests_pass(
    official_tests: Path,
    runner: str,
    segment_server: LocalSegment,
    record_property: Callable[[str, object], None],
) -> None:
    """What they ask of the module holds, sent to the local Segment; those left out are listed, each with its reason."""
    command = [sys.executable, "-m", *(["pytest"] if runner == "pytest" else ["gevent.monkey", "--module", "pytest"])]
    command += ["-p", "official_suite", "-p", "no:cacheprovider", "-q", "-c", os.devnull]
    done = subprocess.run(
        [*command, "--rootdir", str(official_tests), "--timeout", "60", str(official_tests)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(PROGRAMS), str(ROOT)]),
            "SEGMENT_HOST": segment_server.url,
            "PYTEST_ADDOPTS": "",
        },
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tally = TALLY.search(done.stdout)
    assert tally is not None, done.stdout
    record_property("said", f"the tests of {OFFICIAL}, {runner}: {tally[1]} passed, {tally[2]} do not apply")
    assert int(tally[1]) == 45
    summary = segment_server.summary()
    assert summary["invalid"] == 0
    assert summary["valid"] > 2000
