"""What a demo found, and the lines that say it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's figures.

    `arrived` is the number of distinct messages at the server, as the server counts them, or, with a real one, as the
    client does; `duplicates` is None where only the server could tell. Times of calls are in nanoseconds.
    """

    requests: int
    failed_requests: int
    greenlets: int
    seconds: float
    calls: int
    arrived: int
    duplicates: int | None
    batches: int
    retries: int
    bytes_sent: int
    call_median_ns: float
    call_99th_ns: float
    stall_ns: float

    @property
    def lost(self) -> int:
        """Calls whose message did not arrive."""
        return self.calls - self.arrived

    @property
    def good(self) -> bool:
        """True when every request was answered and every message arrived once."""
        return not (self.lost or self.duplicates or self.failed_requests)

    def lines(self) -> Iterator[tuple[str, bool]]:
        """The report's lines, and whether each is as it should be."""
        rate = self.requests / self.seconds if self.seconds else 0.0
        pace = f"in {self.seconds:.1f} s, {rate:,.0f} a second"
        yield f"requests {self.requests:,} from {self.greenlets} greenlets {pace}", True
        if self.failed_requests:
            yield f"requests failed {self.failed_requests:,}", False
        yield f"calls {self.calls:,}", True
        yield f"delivered {self.arrived:,}", not self.lost
        yield f"lost {self.lost:,}", not self.lost
        told = "unknown: only the server can tell" if self.duplicates is None else f"{self.duplicates:,}"
        yield f"duplicates {told}", not self.duplicates
        each = self.arrived / self.batches if self.batches else 0.0
        kilobytes = self.bytes_sent / 1000
        yield f"batches {self.batches:,}, {each:.0f} messages each, {kilobytes:,.0f} kB, retries {self.retries:,}", True
        median, late = self.call_median_ns / 1000, self.call_99th_ns / 1000
        yield f"a call took {median:.1f} µs (median), {late:.1f} µs (99th percentile)", True
        yield f"longest stall of the hub {self.stall_ns / 1e6:.1f} ms", True
