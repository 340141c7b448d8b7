"""What became of the messages: the counts that a process keeps, and the snapshot of them that `stats` is.

The invariant `submitted == delivered + failed + dropped + spooled + pending` holds at every read: `pending` is what
was submitted and has no fate yet, and a message's call is counted before its fate can be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

COUNTERS = {
    "identify": "identifies",
    "track": "tracks",
    "page": "pages",
    "screen": "screens",
    "group": "groups",
    "alias": "aliases",
}
"""The count of each type of message."""


@dataclass(frozen=True)
class Stats:
    """One moment of a client's counts in this process: of messages, where no other unit is named.

    Attributes:
        submitted: calls that were valid, refused ones included.
        delivered: the server answered with success. `successful` is the same number by its older name.
        failed: given up after an answer or a last try; `on_failure` was told.
        dropped: refused at the call or abandoned at shutdown; `dropped_by_reason` says why.
        spooled: on disk for a later delivery.
        replayed: that were on disk and had an answer, delivered or refused for good; other processes' too.
        pending: waiting or in flight.
        identifies, tracks, pages, screens, groups, aliases: `submitted` by type.
        flushes: times that the client set out to send what waited.
        batches: batches that found their fate.
        retries: attempts after a batch's first.
        bytes_sent: bytes of request bodies that got an answer, as sent (compressed where `gzip` is on).
        last_status: the HTTP status of the last answer, None before any.
        oldest_age: how long the oldest pending message has waited, in seconds, to a tenth of a second; 0.0 if none.
        flusher_alive: whether the flusher greenlet exists and can run.
    """

    submitted: int = 0
    delivered: int = 0
    successful: int = 0
    failed: int = 0
    dropped: int = 0
    spooled: int = 0
    replayed: int = 0
    pending: int = 0
    identifies: int = 0
    tracks: int = 0
    pages: int = 0
    screens: int = 0
    groups: int = 0
    aliases: int = 0
    flushes: int = 0
    batches: int = 0
    retries: int = 0
    bytes_sent: int = 0
    dropped_by_reason: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    last_status: int | None = None
    oldest_age: float = 0.0
    flusher_alive: bool = False


@dataclass(frozen=True)
class Health:
    """Whether messages get through, as `health()` found it.

    Attributes:
        ok: nothing stands still, is given up, or finds the queue full.
        reason: in words, `"ok"` too.
        pending: messages that wait or are in flight.
        oldest_age: how long the oldest of them has waited, in seconds.
        last_status: the HTTP status of the last answer, None before any.
    """

    ok: bool
    reason: str
    pending: int = 0
    oldest_age: float = 0.0
    last_status: int | None = None


class Counters:
    """The running counts of one process.

    Any thread may count, without a lock: in CPython with a GIL nothing comes between the load and the store of
    `self.x += n`, as long as `n` is a name (the interpreter looks for another thread at calls and backward jumps only,
    and `self.x += len(y)` has a call in between; a test holds it to that).
    """

    __slots__ = (
        "batches",
        "bytes_sent",
        "calls",
        "delivered",
        "dropped_by_reason",
        "failed",
        "flushes",
        "last_status",
        "replayed",
        "retries",
        "spooled",
    )

    def __init__(self) -> None:
        self.calls = dict.fromkeys(COUNTERS.values(), 0)
        self.delivered = self.failed = self.spooled = self.replayed = 0
        self.flushes = self.batches = self.retries = self.bytes_sent = 0
        self.dropped_by_reason: defaultdict[str, int] = defaultdict(int)
        self.last_status: int | None = None

    def count_call(self, counter: str) -> None:
        """One more valid call of the type whose count is named `counter`, such as `"tracks"`."""
        self.calls[counter] += 1

    def count_sent(self, size: int, status: int) -> None:
        """A request with a body of so many bytes was answered."""
        self.bytes_sent += size
        self.last_status = status

    def settle(self, *, delivered: int = 0, failed: int = 0) -> None:
        """A batch found its fate, and so many messages with it."""
        self.batches += 1
        self.delivered += delivered
        self.failed += failed

    def spool(self, messages: int) -> None:
        """A batch found its fate on disk."""
        self.batches += 1
        self.spooled += messages

    def replay(self, messages: int, of_mine: int, *, delivered: bool) -> None:
        """So many messages from disk got an answer; those that this process put there change their fate."""
        self.replayed += messages
        self.spooled -= of_mine
        if delivered:
            self.delivered += of_mine
        else:
            self.failed += of_mine

    def lose_spooled(self, messages: int, reason: str) -> None:
        """So many messages that this process put on disk are gone from there."""
        self.spooled -= messages
        self.dropped_by_reason[reason] += messages

    def drop(self, reason: str) -> None:
        """One message is refused or given up, for a reason of one word such as `"queue_full"`."""
        self.dropped_by_reason[reason] += 1

    def snapshot(self, *, oldest_age: float, flusher_alive: bool) -> Stats:
        # Fates first: a message that another thread submits meanwhile then shows as pending, never as a fate too many.
        delivered, failed, spooled = self.delivered, self.failed, self.spooled
        by_reason = dict(self.dropped_by_reason)
        dropped = sum(by_reason.values())
        by_type = dict(self.calls)
        submitted = sum(by_type.values())
        return Stats(
            submitted=submitted,
            delivered=delivered,
            successful=delivered,
            failed=failed,
            dropped=dropped,
            spooled=spooled,
            replayed=self.replayed,
            pending=submitted - delivered - failed - dropped - spooled,
            **by_type,
            flushes=self.flushes,
            batches=self.batches,
            retries=self.retries,
            bytes_sent=self.bytes_sent,
            dropped_by_reason=MappingProxyType(by_reason),
            last_status=self.last_status,
            oldest_age=oldest_age,
            flusher_alive=flusher_alive,
        )
