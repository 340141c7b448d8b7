"""Fixtures of the tests of the spool."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from servers.spools import LONG, MakeClient


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def make(make_client: MakeClient, directory: Path) -> MakeClient:
    """A client with a spool that tries once and sends when told, or when it is idle."""
    return partial(make_client, spool_dir=directory, max_retries=0, flush_at=1_000, flush_after=LONG)
