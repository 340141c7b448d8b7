"""What arrived at the local Segment, against what was sent: every event once, nothing else, every request in order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from servers.local_segment import LocalSegment

Counted = set[tuple[str, int]]


class Arrivals:
    """The local Segment of one test, and what is expected of it."""

    def __init__(self, server: LocalSegment, bundle: str) -> None:
        self.server = server
        self.bundle = bundle
        self.arguments = (server.url, bundle)
        self.environment = {
            "SEGMENT_WRITE_KEY": "write-key",
            "SEGMENT_HOST": server.url,
            **({"REQUESTS_CA_BUNDLE": bundle} if bundle else {}),
        }

    def counted(self) -> list[tuple[str, int]]:
        """Who counted which number, in the order of arrival."""
        return [(each["userId"], each["properties"]["n"]) for each in self.messages("Counted")]

    def pages(self) -> list[str]:
        """The paths of the pages that were viewed, in the order of arrival."""
        return [each["properties"]["path"] for each in self.messages("Page Viewed")]

    def messages(self, event: str) -> list[dict[str, Any]]:
        """The messages that Segment would keep, in the order of arrival: of those with one id, the first."""
        return [each["message"] for each in reversed(self.server.events(event=event)) if not each["duplicate"]]

    def expect(self, expected: Iterable[tuple[str, int]], *, resent: bool = False) -> None:
        """Assert that these were counted once each, that nothing else was, and that every request kept the rules."""
        self.compare(self.counted(), expected, resent=resent)

    def compare(self, arrived: list[Any], expected: Iterable[Any], *, resent: bool = False) -> None:
        """Assert that what arrived is what was expected, once each, and that every request kept the rules.

        With `resent`, a batch may have come again, with the ids that it had, after a request that broke off.
        """
        wanted, summary = set(expected), self.server.summary()
        missing, foreign = wanted - set(arrived), set(arrived) - wanted
        assert not missing, f"{len(missing)} of {len(wanted)} are missing, as {sorted(missing)[:5]}; {summary}"
        assert not foreign, f"{len(foreign)} came from nowhere, as {sorted(foreign)[:5]}"
        assert len(arrived) == len(wanted), f"{len(arrived)} arrived of {len(wanted)}; {summary}"
        assert resent or summary["duplicates"] == 0, summary
        assert summary["invalid"] == 0, summary
        assert resent or not [each for each in self.server.requests() if each["status"] != 200]


def numbered(who: str, count: int) -> Counted:
    """What one who counts from 0 sends."""
    return {(who, number) for number in range(count)}
