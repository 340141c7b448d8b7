"""What tests need of a machine, and what becomes of a test where it is lacking."""

from __future__ import annotations

import os

import pytest


def lacking(what: str) -> None:
    """Skip the test, for want of `what`; where nothing may be wanting (SEGMENT_GEVENT_NO_SKIP=1), fail it."""
    if os.environ.get("SEGMENT_GEVENT_NO_SKIP"):
        pytest.fail(f"{what} is not installed, and SEGMENT_GEVENT_NO_SKIP is set")
    pytest.skip(f"{what} is not installed")
