"""What the counts of a client that has been working say."""

from __future__ import annotations

from collections.abc import Iterator

from segment_gevent.counters import Health, Stats
from segment_gevent.diagnosis.finding import Finding, Subject
from segment_gevent.words import counted

HERE = Subject("delivery")


def findings(stats: Stats, health: Health) -> Iterator[Finding]:
    if not health.ok:
        yield HERE.error(
            "unhealthy",
            f"Messages do not get through: {health.reason}",
            f"{counted(health.pending, 'message')} wait; the server's last answer was {health.last_status or 'none'}.",
            "see what is found about reaching the server, and the log of segment_gevent",
        )
    if stats.failed:
        yield HERE.warning(
            "failed",
            f"{counted(stats.failed, 'message')} failed in this process",
            "They were given up after an answer or a last try.",
            "register on_failure: its DeliveryError says why",
        )
    if stats.dropped:
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in sorted(stats.dropped_by_reason.items()))
        dropped = counted(stats.dropped, "message")
        yield HERE.warning("dropped", f"{dropped} dropped in this process", reasons, "see docs/delivery.md, Fates")
    if health.ok:
        submitted = counted(stats.submitted, "message")
        told = f"{submitted} in this process: {stats.delivered:,} delivered, {stats.pending:,} wait"
        yield HERE.ok("healthy", told)
