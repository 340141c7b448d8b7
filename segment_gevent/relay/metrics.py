"""What one relay counted, and what the outbox looks like, as a page for Prometheus. Pure.

Written out here: 20 lines in a format that has not changed for years ask for no library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from segment_gevent.relay.counts import Counts
from segment_gevent.relay.overview import Overview

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Gauges(NamedTuple):
    """A relay at this moment."""

    entries_in_hand: int
    bytes_in_hand: int
    messages_waiting: int
    lanes_held: int


def page(counts: Counts, gauges: Gauges, overview: Overview | None) -> str:
    """The page; `overview` is None where Redis does not answer."""
    return "".join(_lines(counts, gauges, overview))


def _lines(counts: Counts, gauges: Gauges, overview: Overview | None) -> Iterator[str]:
    yield from _metric("segment_relay_entries_read", "counter", "Entries read from the stream.", counts.entries_read)
    yield from _metric(
        "segment_relay_entries_claimed", "counter", "Entries claimed of silent relays.", counts.entries_claimed
    )
    yield from _metric(
        "segment_relay_entries_finished", "counter", "Entries taken off the stream.", counts.entries_finished
    )
    yield from _metric("segment_relay_entries_parked", "counter", "Entries put aside for later.", counts.entries_parked)
    yield from _metric(
        "segment_relay_entries_lost", "counter", "Entries that another relay claimed.", counts.entries_lost
    )
    yield from _metric(
        "segment_relay_messages",
        "counter",
        "Messages by fate.",
        {"delivered": counts.delivered, "dead": counts.dead},
        "fate",
    )
    yield from _metric("segment_relay_requests", "counter", "Requests by answer.", dict(counts.requests), "answer")
    yield from _metric("segment_relay_sent_bytes", "counter", "Bytes of JSON in requests.", counts.bytes_sent)
    yield from _metric(
        "segment_relay_rate_wait_seconds", "counter", "Waits for the fleet's rate.", counts.waited_for_rate
    )
    yield from _metric("segment_relay_pause_seconds", "counter", "Seconds that rate limits asked for.", counts.paused)
    yield from _metric(
        "segment_relay_trimmed_messages", "counter", "Messages that the stream's bound cost.", counts.trimmed
    )
    yield from _metric("segment_relay_entries_in_hand", "gauge", "Entries that this relay has.", gauges.entries_in_hand)
    yield from _metric("segment_relay_bytes_in_hand", "gauge", "Their bytes.", gauges.bytes_in_hand)
    yield from _metric(
        "segment_relay_messages_waiting", "gauge", "Messages that wait for a batch.", gauges.messages_waiting
    )
    yield from _metric("segment_relay_lanes_held", "gauge", "Keys and hosts in trouble.", gauges.lanes_held)
    yield from _metric("segment_relay_redis_up", "gauge", "1 where Redis answers.", int(overview is not None))
    if overview is not None:
        yield from _metric("segment_relay_stream_entries", "gauge", "Entries in the stream.", overview.length)
        yield from _metric("segment_relay_stream_lag_entries", "gauge", "Those that no relay has.", overview.lag)
        yield from _metric("segment_relay_stream_pending_entries", "gauge", "Those that a relay has.", overview.pending)
        yield from _metric(
            "segment_relay_stream_parked_entries", "gauge", "Those that were put aside.", overview.parked
        )
        yield from _metric(
            "segment_relay_stream_oldest_age_seconds", "gauge", "Age of the oldest.", overview.oldest_age
        )
        yield from _metric("segment_relay_stream_bytes", "gauge", "Memory of the stream, about.", overview.memory)
        yield from _metric("segment_relay_dead_letters", "gauge", "Dead letters.", overview.dead)
        yield from _metric("segment_relay_consumers", "gauge", "Relays that the group knows.", len(overview.consumers))


def _metric(name: str, kind: str, words: str, value: float | Mapping[str, float], label: str = "") -> Iterator[str]:
    full = name + ("_total" if kind == "counter" else "")
    yield f"# HELP {full} {words}\n# TYPE {full} {kind}\n"
    if isinstance(value, Mapping):
        for key, each in sorted(value.items()):
            yield f'{full}{{{label}="{key}"}} {each}\n'
    else:
        yield f"{full} {value}\n"
