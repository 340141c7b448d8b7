"""How the client came through a trouble, from a journal and from what its counts were."""

from typing import Any

from segment_gevent.cli.demo.passage import Counts, Passage


def request(number: int, count: int, *, fault: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"number": number, "count": count, "status": None if fault else 200, "fault": fault}


def test_it_lasts_until_all_is_delivered_that_waited() -> None:
    """What was submitted after the end may wait on: the next trouble's it would be."""
    passage = Passage("outage", began=5.0, requests=7)
    assert list(passage.see(5.5, Counts(submitted=100, delivered=40, pending=60))) == []
    passage.end(7.0, Counts(submitted=200, delivered=40, pending=160), requests=9)
    assert list(passage.see(7.0, Counts(submitted=200, delivered=40, pending=160))) == []
    (line,) = passage.see(7.3, Counts(submitted=290, delivered=200, pending=90))
    assert line == "everything that waited is delivered, 0.3 s after the end of the outage"
    assert list(passage.see(7.4, Counts(submitted=9000, delivered=200, pending=8800))) == []
    assert (passage.fullest, round(passage.through or 0, 1)) == (160, 0.3)


def test_requests_are_its_own_from_its_beginning_to_the_next_one() -> None:
    """Refused are those that its faults met; a batch that came after the next trouble is the next one's."""
    first, second = Passage("rate limit", 1.0, requests=3), Passage("outage", 5.0, requests=6)
    first.end(2.0, Counts(), requests=4)
    second.end(6.0, Counts(), requests=8)
    fault = {"status": 429}
    journal = [
        *(request(number, count) for number, count in enumerate((10, 12, 11), 1)),
        request(4, 300, fault=fault),
        request(5, 500),
        request(6, 10),
        request(7, 0, fault=fault),
        request(8, 0, fault=fault),
        request(9, 700, fault=fault),  # not the demo's
        request(10, 600),
    ]
    first.read(journal, second)
    second.read(journal)
    assert (first.refused, first.usual, first.largest) == (1, 11, 500)
    assert (second.refused, second.usual, second.largest) == (2, 11, 600)
    assert first.line == "rate limit of 1.0 s: 1 request refused, the queue grew to 0, batches from 11 to 500"


def test_a_trouble_that_met_nobody_is_told_as_such() -> None:
    """Nothing was sent meanwhile."""
    passage = Passage("outage", 1.0, requests=0)
    passage.read([])
    assert passage.line == "outage: 0 requests refused, the queue grew to 0, batches from 0 to 0"
