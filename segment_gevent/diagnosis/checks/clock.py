"""What a clock that is wrong would do."""

from __future__ import annotations

from collections.abc import Iterator

from segment_gevent.diagnosis.facts import Journey
from segment_gevent.diagnosis.finding import Finding, Subject

HERE = Subject("clock")

TOLERABLE = 60.0
"""Seconds. Segment corrects timestamps by `sentAt`, so that an offset costs nothing there; others do not."""

FOR_TOKENS = 30.0
"""Seconds, for the assertion of a token request, which holds for a minute."""


def findings(journeys: tuple[Journey, ...]) -> Iterator[Finding]:
    known = [journey for journey in journeys if journey.ahead is not None]
    for journey in known:
        ahead = journey.ahead or 0.0
        words = f"{_words(abs(ahead))} {'behind' if ahead > 0 else 'ahead of'} that of the server"
        if journey.purpose == "tokens" and abs(ahead) > FOR_TOKENS:
            yield HERE.warning(
                "clock-for-tokens",
                f"This machine's clock is {words} which gives tokens",
                "Each token takes a second request, stamped with the server's time.",
                "have the machine's clock set by NTP",
            )
        elif journey.purpose == "events" and abs(ahead) > TOLERABLE:
            yield HERE.warning(
                "clock",
                f"This machine's clock is {words}",
                "Segment corrects timestamps by the time of sending; other servers and certificates do not.",
                "have the machine's clock set by NTP",
            )
        elif journey.purpose == "events":
            yield HERE.ok("clock-right", "This machine's clock agrees with the server's")


def _words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
