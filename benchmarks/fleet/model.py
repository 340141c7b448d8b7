"""A fleet on paper: what so many hosts need, and what an outage piles up. Pure; its costs are the measured ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from statistics import mean
from typing import NamedTuple

from benchmarks.fleet.points import Point
from segment_gevent.events.batch import BATCH_BYTES, BATCH_MESSAGES

LIMIT = 1_000.0
"""Requests a second that Segment takes of a workspace, about."""

SHARE = 0.8
"""Of the limit, which relays keep to where `--rate` is left out."""

BUSY = 0.5
"""Of a core, at most, for a relay and for a Redis in the steady state: the rest works off what an outage left."""

WITHIN = 1.0
"""Seconds that an event is in Redis, all told: in the stream, in a relay's hands for a full batch, on its way."""


@dataclass(frozen=True)
class Costs:
    """Of one event: seconds of CPU, and bytes."""

    relay: float
    redis: float
    sink: float
    memory: float
    wire: float
    size: float
    a_request: float
    """Events in one request, as relays fill them: they keep entries whole where they can."""

    @classmethod
    def of(cls, points: Iterable[Point], encoding: str, relays: int = 1) -> Costs:
        """By the points of one relay, so that those of more are left to check the model with."""
        chosen = [point for point in points if (point.encoding, point.relays) == (encoding, relays)]
        return cls(
            relay=mean(point.relay_cpu for point in chosen),
            redis=mean(point.redis_in_cpu + point.redis_out_cpu for point in chosen),
            sink=mean(point.sink_cpu for point in chosen),
            memory=mean(point.memory for point in chosen),
            wire=mean(point.wire for point in chosen),
            size=mean(point.size for point in chosen),
            a_request=mean(point.a_request for point in chosen),
        )

    @property
    def most_a_request(self) -> int:
        """Events that fit one request."""
        return min(BATCH_MESSAGES, int(BATCH_BYTES / self.size))

    @property
    def of_relay(self) -> float:
        """Events a second of a relay that has a core to itself."""
        return 1 / self.relay


def throughput(costs: Costs, redis_out: float, relays: int, cores: float) -> float:
    """Events a second of a filled stream, on one machine where relays, Redis and sink share so many cores."""
    return min(relays * costs.of_relay, cores / (costs.relay + redis_out + costs.sink))


LATENCY = 0.2
"""Seconds that Segment takes for a request of 500 KB, as a guess: the sink of the measurements takes none."""


class Need(NamedTuple):
    """What a load takes, in the steady state."""

    events: float
    """A second; so are all rates."""
    requests: float
    workspaces: int
    relays: int
    workers: int
    """Of each relay: requests on their way at a time."""
    streams: int
    """Each in a Redis of its own, which is one core."""
    cores: float
    """Of relays and Redis, busy ones."""
    inwards: float
    """Bytes, from hosts to Redis, and again from Redis to relays."""
    outwards: float
    """Bytes, to Segment."""
    memory: float
    """Bytes, of all streams."""
    a_minute: float
    """Bytes that each minute without Segment adds."""


def need(costs: Costs, events: float, *, share: float = SHARE) -> Need:
    """What `events` a second need, where relays keep to a share of the limit."""
    requests = events / costs.a_request
    relays = ceil(events * costs.relay / BUSY)
    return Need(
        events=events,
        requests=requests,
        workspaces=ceil(requests / (share * LIMIT)),
        relays=relays,
        workers=ceil(requests * LATENCY / relays / BUSY),
        streams=ceil(events * costs.redis / BUSY),
        cores=events * (costs.relay + costs.redis),
        inwards=events * costs.memory,
        outwards=events * costs.wire,
        memory=events * WITHIN * costs.memory,
        a_minute=events * 60 * costs.memory,
    )


def fitting(costs: Costs, *, share: float = SHARE) -> float:
    """Events a second that fit one workspace."""
    return share * LIMIT * costs.a_request


class Moment(NamedTuple):
    """One step of the simulation, in events."""

    second: int
    added: float
    sent: float
    backlog: float


def simulate(load: float, capacity: float, outage: int, *, step: int = 1, longest: int = 86_400) -> Iterator[Moment]:
    """Second by second: Segment is away from the start on, and then all relays send what they can until nothing waits.

    Ends after `longest` seconds, if the capacity never suffices.
    """
    backlog = 0.0
    for second in range(0, longest, step):
        waiting = backlog + load * step
        sent = 0.0 if second < outage else min(waiting, capacity * step)
        backlog = waiting - sent
        yield Moment(second, load * step, sent, backlog)
        if second >= outage and backlog <= 0:
            return


class Outage(NamedTuple):
    """What one costs."""

    backlog: float
    """Events, at its most."""
    caught_up: int
    """Seconds from its end on."""


def outage(load: float, capacity: float, seconds: int) -> Outage:
    moments = list(simulate(load, capacity, seconds))
    return Outage(max(moment.backlog for moment in moments), moments[-1].second + 1 - seconds)
