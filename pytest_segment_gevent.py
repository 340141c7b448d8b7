"""A pytest plugin: the fixture `segment_events`. It stands beside the package, whose import has gevent imported."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from segment_gevent.testing import SegmentEvents


@pytest.fixture
def segment_events() -> Iterator[SegmentEvents]:
    """The events that the test makes, of every client; nothing is sent. See `segment_gevent.testing.SegmentEvents`.

    The test begins with nothing bound, and what it binds is gone with it.
    """
    from segment_gevent import clear_context
    from segment_gevent.testing import recorded

    with recorded() as events:
        clear_context()
        yield events


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a failed test's events, and what its last search missed: pytest cuts both short where it shows values."""
    report = yield
    events: Any = getattr(item, "funcargs", {}).get("segment_events")
    if events is not None and call.when == "call" and report.failed:
        report.sections.append(("segment_events", events.report()))
    return report
