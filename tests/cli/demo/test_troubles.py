"""Troubles come over the local Segment and go again, and what they did to the client is told."""

from collections.abc import Iterator

import pytest
from servers.local_segment import LocalSegment

from segment_gevent import Client
from segment_gevent.cli.demo.passage import Counts
from segment_gevent.cli.demo.troubles import Trouble, Weather, troubles

LIMIT = Trouble("rate limit", "limits", ({"status": 429, "headers": {"Retry-After": "1"}},), begins=1, lasts=1)
OUTAGE = Trouble("outage", "is away", ({"drop": "before", "times": None},), begins=5, lasts=2)


@pytest.fixture
def weather(segment_server: LocalSegment) -> Weather:
    return Weather(segment_server, [LIMIT, OUTAGE])


@pytest.fixture
def client(segment_server: LocalSegment) -> Iterator[Client]:
    with Client("key", host=segment_server.url, flush_at=1) as client:
        yield client


def waiting(server: LocalSegment) -> list[dict[str, object]]:
    faults: list[dict[str, object]] = server.ask("GET", "/_/faults")
    return faults


def test_they_come_and_go_by_the_clock(segment_server: LocalSegment, weather: Weather) -> None:
    """One after another, the client being through the first; between and after them all is as always."""
    assert list(weather.turn(0.9, Counts())) == []
    assert (waiting(segment_server), weather.words) == ([], "")
    assert list(weather.turn(1.0, Counts())) == ["Segment limits"]
    assert (waiting(segment_server), weather.words) == ([LIMIT.faults[0]], "limits")
    assert list(weather.turn(2.1, Counts(submitted=40, pending=40))) == ["the rate limit is over: 40 calls wait"]
    assert waiting(segment_server) == []
    assert not weather.is_over
    assert list(weather.turn(5.0, Counts(submitted=50, delivered=10, pending=40))) == []
    through = "everything that waited is delivered, 4.0 s after the end of the rate limit"
    assert list(weather.turn(6.1, Counts(submitted=50, delivered=40, pending=10))) == [through, "Segment is away"]
    assert waiting(segment_server) == [OUTAGE.faults[0]]
    list(weather.turn(7.9, Counts()))
    assert not weather.is_over
    list(weather.turn(8.2, Counts()))
    assert (waiting(segment_server), weather.words, weather.is_over) == ([], "", True)


def test_a_client_that_does_not_come_through_is_not_waited_for(weather: Weather) -> None:
    """The demo would never end."""
    stuck = Counts(submitted=10, pending=10)
    list(weather.turn(1.0, stuck))
    list(weather.turn(2.0, stuck))
    assert list(weather.turn(14.9, stuck)) == []
    assert list(weather.turn(15.0, stuck)) == ["Segment is away"]


def test_a_demo_of_any_length_has_both() -> None:
    """The second begins after the first has ended; a rate limit has whole seconds."""
    for seconds in (6, 20, 300):
        limit, outage = troubles(seconds)
        assert limit.begins + limit.lasts < outage.begins < outage.begins + outage.lasts < seconds
        assert limit.faults[0]["headers"]["Retry-After"] == str(limit.lasts)


def test_it_is_told_how_the_client_came_through(segment_server: LocalSegment, client: Client) -> None:
    """A real client and a real outage: refused requests, what waited, larger batches, and when all was delivered."""
    weather = Weather(segment_server, [OUTAGE])

    def turn(elapsed: float) -> list[str]:
        stats = client.stats
        told = {name: getattr(stats, name) for name in Counts.__slots__}
        return list(weather.turn(elapsed, Counts.of(told)))

    client.track("visitor-17", event="Before")
    assert client.flush()
    assert turn(5.0) == ["Segment is away"]
    for number in range(30):
        client.track("visitor-17", event="During", properties={"number": number})
    segment_server.wait_for(requests=2)
    assert turn(6.0) == []
    assert turn(7.5) == ["the outage is over: 30 calls wait"]
    client.track("visitor-17", event="After")
    assert client.flush()
    assert turn(8.0) == ["everything that waited is delivered, 0.5 s after the end of the outage"]
    (line,) = weather.lines(segment_server.requests())
    assert line.startswith("outage of 2.5 s: ")
    assert not line.startswith("outage of 2.5 s: 0 ")
    assert "the queue grew to 30, batches from 1 to " in line
    assert not line.endswith("batches from 1 to 1, all delivered 0.5 s after it")
    assert line.endswith(", all delivered 0.5 s after it")
