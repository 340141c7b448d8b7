"""Batches that are refused as a whole: taken apart, until only what is guilty has failed, or the search is too dear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

import pytest

from segment_gevent import Client
from segment_gevent.delivery.retry import SPLITS_IN_SEARCH
from segment_gevent.testing import Answer, RecordingTransport, ScriptedTransport, Sent, response

MakeClient = Callable[..., Client]
Judge = Callable[[Sent], Answer]

MOST_REQUESTS = 2 * SPLITS_IN_SEARCH + 1


class Judging(RecordingTransport):
    """Answers every request as `judge` says, and notes what was taken."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self._judge = judge
        self.taken: list[str] = []

    def _answer(self, sent: Sent) -> object:  # type: ignore[override]
        answer = self._judge(sent)
        answer = response(answer) if isinstance(answer, int) else answer
        if answer.status_code == 200:  # type: ignore[union-attr]
            self.taken += [message["event"] for message in sent.messages]
        return answer


def send(make_client: MakeClient, judge: Judge, messages: int, **options: object) -> tuple[Client, Judging, list[str]]:
    """Have so many messages sent in one batch, after a first one, and all fates awaited; what failed comes too."""
    transport = Judging(judge)
    client = make_client(transport=transport, log=False, flush_at=10_000, flush_after=3_600, **options)
    failed: list[str] = []
    client.on_failure(lambda data, error: failed.extend(message["event"] for message in data["batch"]))
    client.track("s", event="first, at once")
    assert client.flush(60) is True
    transport.sent.clear()
    transport.taken.clear()
    for number in range(messages):
        client.track("s", event=f"E{number}")
    client.flush(60)
    stats = client.stats
    assert (stats.delivered, stats.failed, stats.pending) == (1 + messages - len(failed), len(failed), 0)
    return client, transport, failed


def refuses(status: int, bad: Collection[str], content: bytes = b"") -> Judge:
    """A server that takes no batch with one of these events in it."""

    def judge(sent: Sent) -> Answer:
        is_bad = any(message["event"] in bad for message in sent.messages)
        return response(status, content=content) if is_bad else 200

    return judge


@pytest.mark.parametrize(
    ("status", "content"),
    [(413, b""), (400, b'{"error":"Exceed payload limit"}'), (400, b"the message is too large"), (400, b"")],
)
@pytest.mark.parametrize("bad", [0, 77, 249])
def test_one_message_takes_no_other_with_it(make_client: MakeClient, status: int, content: bytes, bad: int) -> None:
    """Wherever it stands; the others arrive, each once and in order."""
    _, transport, failed = send(make_client, refuses(status, {f"E{bad}"}, content), 250)
    assert failed == [f"E{bad}"]
    assert transport.taken == [f"E{number}" for number in range(250) if number != bad]
    assert len(transport.sent) <= 2 * 8 + 1


@pytest.mark.parametrize(("status", "content"), [(413, b""), (400, b"request entity too large")])
def test_what_is_too_large_as_a_whole_arrives_in_parts(make_client: MakeClient, status: int, content: bytes) -> None:
    """Down to single messages, without a bound on the parts, and nothing fails."""

    def judge(sent: Sent) -> Answer:
        return response(status, content=content) if len(sent.messages) > 1 else 200

    _, transport, failed = send(make_client, judge, 250)
    assert failed == []
    assert transport.taken == [f"E{number}" for number in range(250)]


def test_three_bad_messages_are_found_in_a_full_batch(make_client: MakeClient) -> None:
    """Wherever they stand, within a bounded number of requests."""
    bad = {"E0", "E700", "E1400"}
    _, transport, failed = send(make_client, refuses(400, bad), 1_500)
    assert set(failed) == bad
    assert len(transport.taken) == 1_497
    assert len(transport.sent) <= MOST_REQUESTS


@pytest.mark.parametrize("content", [b"", b"Invalid JSON", b"the write key is wrong"])
def test_a_server_that_refuses_everything_is_not_asked_for_ever(make_client: MakeClient, content: bytes) -> None:
    """The search ends after so many requests, and what is left fails in one piece."""
    _, transport, failed = send(
        make_client,
        lambda sent: (
            response(400, content=content)
            if len(sent.messages) > 1 or sent.messages[0]["event"] != "first, at once"
            else 200
        ),
        1_000,
    )
    assert Counter(failed) == Counter(f"E{number}" for number in range(1_000))
    assert len(transport.sent) <= MOST_REQUESTS


@pytest.mark.parametrize("status", [401, 403, 404, 451, 501])
def test_other_refusals_are_of_the_batch(make_client: MakeClient, status: int) -> None:
    """They say nothing about a message in it: one request, and all have failed."""
    _, transport, failed = send(make_client, refuses(status, {"E3"}), 10)
    assert len(failed) == 10
    assert len(transport.sent) == 1


def test_parts_are_tried_again_like_any_batch(make_client: MakeClient) -> None:
    """Each with its own retries, counted from its own first attempt; messageIds stay."""
    again = response(503, {"Retry-After": "0.001"})
    transport = ScriptedTransport(200, response(413), again, 200, again, again, 200)
    client = make_client(transport=transport, log=False, flush_at=100, flush_after=3_600, max_retries=2)
    client.track("s", event="first, at once")
    assert client.flush(30)
    for number in range(4):
        client.track("s", event=f"E{number}")
    assert client.flush(60) is True
    whole, *parts = [[message["messageId"] for message in sent.messages] for sent in transport.sent[1:]]
    assert parts == [whole[:2]] * 2 + [whole[2:]] * 3
    counts = [sent.headers.get("X-Retry-Count") for sent in transport.sent[1:]]
    assert counts == [None, None, "1", None, "1", "2"]


def test_several_lanes_take_batches_apart_at_once(make_client: MakeClient) -> None:
    """Every message has its one fate."""
    bad = {f"E{number}" for number in range(0, 900, 300)}
    transport = Judging(refuses(400, bad))
    client = make_client(transport=transport, log=False, flush_at=50, max_in_flight=3, flush_after=3_600)
    failed: list[str] = []
    client.on_failure(lambda data, error: failed.extend(message["event"] for message in data["batch"]))
    for number in range(900):
        client.track("s", event=f"E{number}")
    assert client.flush(60) is False
    assert set(failed) == bad
    assert Counter(transport.taken) == Counter(f"E{number}" for number in range(900) if f"E{number}" not in bad)
