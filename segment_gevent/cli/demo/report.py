"""What a demo found, and the lines that say it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's figures.

    `most` is how many visitors were there at a time. `arrived` is the number of distinct messages at the server, as the
    server counts them, or, with a real one, as the client does; `duplicates` and `invalid` are None where only the
    server could tell. `passages` says how the client came through each trouble. Times of calls are in nanoseconds.
    """

    visitors: int
    most: int
    requests: int
    failed_requests: int
    seconds: float
    calls: int
    by_type: Mapping[str, int]
    arrived: int
    duplicates: int | None
    invalid: int | None
    batches: int
    retries: int
    bytes_sent: int
    passages: Sequence[str]
    call_median_ns: float
    call_99th_ns: float
    stall_ns: float

    @property
    def lost(self) -> int:
        """Calls whose message did not arrive."""
        return self.calls - self.arrived

    @property
    def good(self) -> bool:
        """True when every request was answered, and every message arrived once and was valid."""
        return not (self.lost or self.duplicates or self.invalid or self.failed_requests)

    def lines(self) -> Iterator[tuple[str, bool]]:
        """The report's lines, and whether each is as it should be."""
        yield f"visitors {self.visitors:,}, {self.most:,} at a time", True
        rate = self.requests / self.seconds if self.seconds else 0.0
        yield f"requests {self.requests:,} in {self.seconds:.1f} s, {rate:,.0f} a second", True
        if self.failed_requests:
            yield f"requests failed {self.failed_requests:,}", False
        kinds = ", ".join(f"{name} {count:,}" for name, count in self.by_type.items() if count)
        yield f"calls {self.calls:,}: {kinds}", True
        yield f"delivered {self.arrived:,}", not self.lost
        yield f"lost {self.lost:,}", not self.lost
        yield f"duplicates {_told(self.duplicates)}", not self.duplicates
        yield f"invalid {_told(self.invalid)}", not self.invalid
        for passage in self.passages:
            yield passage, True
        each = self.arrived / self.batches if self.batches else 0.0
        kilobytes = self.bytes_sent / 1000
        yield f"batches {self.batches:,}, {each:.0f} messages each, {kilobytes:,.0f} kB, retries {self.retries:,}", True
        median, late = self.call_median_ns / 1000, self.call_99th_ns / 1000
        yield f"a call took {median:.1f} µs (median), {late:.1f} µs (99th percentile)", True
        yield f"longest stall of the shop's hub {self.stall_ns / 1e6:.1f} ms", True


def _told(number: int | None) -> str:
    return "unknown: only the server can tell" if number is None else f"{number:,}"
