"""The hooks for gunicorn, called by hand."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

BEFORE_INITIALIZE = """
from segment_gevent.contrib.gunicorn import post_worker_init, worker_exit
post_worker_init(None)
worker_exit(None, None)
import sys
assert not {"ssl", "requests"} & set(sys.modules)
"""

BUNDLE_IS_GONE = """
import segment_gevent as segment
from segment_gevent.contrib.gunicorn import post_worker_init, worker_exit
segment.initialize("write-key", host="https://127.0.0.1:9", verify="/no/such/bundle")
post_worker_init(None)
worker_exit(None, None)
assert not segment.track(user_id="worker", event="Refused")
"""

WARMED_UP = """
import sys
import segment_gevent as segment
from segment_gevent.contrib.gunicorn import post_worker_init
segment.initialize("write-key", host="http://127.0.0.1:9")
assert "requests" not in sys.modules
post_worker_init(None)
assert "requests" in sys.modules
"""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(BEFORE_INITIALIZE, id="before initialize they do nothing"),
        pytest.param(BUNDLE_IS_GONE, id="a bundle that is gone ends no worker"),
        pytest.param(WARMED_UP, id="the first imports what sending needs"),
    ],
)
def test_the_hooks_in_a_process_of_their_own(program: str) -> None:
    """Each is a call away from being harmless, whatever the application did."""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
