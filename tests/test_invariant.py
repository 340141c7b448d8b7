"""The invariant: submitted == delivered + failed + dropped + spooled + pending, whatever comes between.

Hypothesis interleaves calls, answers, flushes, kills, forks and a shutdown; nothing runs but what it lets run. After
each step the counts are in balance and equal what is really held, and in the end every message has had just one fate.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

import gevent
import pytest
from gevent.event import AsyncResult
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from segment_gevent import Client, DeliveryError, Stats, ValidationError
from segment_gevent.testing import RecordingTransport, Sent, response

SOON = {"Retry-After": "0.001"}
ANSWERS = st.sampled_from(["200", "400", "503", "302", "error", "rubbish", "time-out"])


class Deferred(RecordingTransport):
    """Each request waits until the test answers it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[AsyncResult[Any]] = []
        self.answers_at_once = False

    def _answer(self, sent: Sent) -> Any:
        if self.answers_at_once:
            return response(200)
        result: AsyncResult[Any] = AsyncResult()
        self.open.append(result)
        try:
            return result.get()
        finally:
            self.open.remove(result)

    def answer(self, number: int, kind: str) -> None:
        result = self.open[number % len(self.open)]
        if result.ready():
            return
        if kind == "error":
            result.set_exception(DeliveryError("lost", reason="connection"))
        elif kind == "time-out":
            result.set_exception(gevent.Timeout(1) if self.in_background else TimeoutError())
        elif kind == "rubbish":
            result.set(object())
        else:
            result.set(response(int(kind), SOON))

    in_background = True
    """Whether a time-out can only be the transport's own."""


class Deliveries(RuleBasedStateMachine):
    """One client, its greenlets, and a model of what was accepted and what became of it."""

    calls = Bundle("calls")

    @initialize(
        flush_at=st.integers(1, 4),
        max_in_flight=st.integers(1, 3),
        max_queue_size=st.integers(2, 12),
        max_retries=st.integers(0, 2),
        is_async=st.booleans(),
    )
    def start(self, flush_at: int, max_in_flight: int, max_queue_size: int, max_retries: int, is_async: bool) -> None:
        self.transport = Deferred()
        self.transport.in_background = is_async
        self.client = Client(
            "write-key",
            transport=self.transport,
            flush_at=flush_at,
            max_in_flight=max_in_flight,
            max_queue_size=max_queue_size,
            max_retries=max_retries,
            async_=is_async,
            flush_after=3_600,
            log=False,
        )
        self.submitted = self.forks = 0
        self.fates: Counter[str] = Counter()
        self.told = Counter({"delivered": 0, "failed": 0, "dropped": 0})
        self.greenlets: list[gevent.Greenlet[..., Any]] = []
        self.client.on_success(lambda data, answer: self.settle("delivered", data["batch"]))
        self.client.on_failure(lambda data, error: self.settle("failed", data["batch"]))
        self.client.on_drop(lambda message, reason: self.settle("dropped", [message]))

    def settle(self, fate: str, messages: list[Mapping[str, Any]]) -> None:
        self.told[fate] += len(messages)
        self.fates.update(message["messageId"] for message in messages)

    def call(self, **arguments: Any) -> bool:
        self.submitted += 1
        return self.client.track("s", event="E", message_id=f"id-{self.submitted}", **arguments)

    # What callers do.

    @rule(times=st.integers(1, 6), turns=st.integers(0, 3))
    def track(self, times: int, turns: int) -> None:
        for _ in range(times):
            self.greenlets.append(gevent.spawn(self.call))
        self.run(turns)

    @rule()
    def track_wrongly(self) -> None:
        assert self.call(properties={"x": "y" * 40_000}) is False
        with pytest.raises(ValidationError):
            self.client.track("s", event=None)

    @rule(place=st.sampled_from(["native thread", "hub"]))
    def track_elsewhere(self, place: str) -> None:
        if place == "hub":
            gevent.get_hub().loop.run_callback(self.call)
            self.run(1)
        elif self.client.options.async_:
            gevent.get_hub().threadpool.apply(self.call)

    @rule(target=calls, timeout=st.sampled_from([0, 5]))
    def flush(self, timeout: float) -> Any:
        self.greenlets.append(gevent.spawn(self.client.flush, timeout))
        self.run(1)
        return multiple(self.greenlets[-1])

    @rule(greenlet=calls)
    def give_up_a_flush(self, greenlet: gevent.Greenlet[..., Any]) -> None:
        greenlet.kill()

    # What else happens.

    def run(self, turns: int) -> None:
        for _ in range(turns):
            gevent.sleep(0)

    @rule(answers=st.lists(st.tuples(st.integers(0, 3), ANSWERS), min_size=1, max_size=8), turns=st.integers(1, 4))
    def answer(self, answers: list[tuple[int, str]], turns: int) -> None:
        for number, kind in answers:
            if self.transport.open:
                self.transport.answer(number, kind)
                self.run(turns)

    @rule()
    def kill_the_flusher(self) -> None:
        (pipeline,) = self.client._pipelines.values()
        gevent.killall(pipeline._flusher._crew._greenlets, block=False)

    @rule(number=st.integers(0, 50))
    def kill_a_caller(self, number: int) -> None:
        if self.greenlets and self.greenlets[number % len(self.greenlets)]:
            self.greenlets[number % len(self.greenlets)].kill(block=False)

    @precondition(lambda self: self.forks < 2)
    @rule()
    def fork(self) -> None:
        self.forks += 1
        self.run(2)  # callers that have not begun would begin in the child too, and rightly
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.write(writer, json.dumps(self.in_child()).encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as stream:
            assert json.loads(stream.read()) == [True, 1, 1]
        os.waitpid(pid, 0)

    def in_child(self) -> list[Any]:
        is_empty = self.client.stats == Stats()
        self.transport.answers_at_once = True
        self.transport.sent.clear()
        self.client.track("s", event="of child")
        self.client.flush(10)
        return [is_empty, len(self.transport.messages), self.client.stats.delivered]

    @rule()
    def shutdown(self) -> None:
        if self.submitted > 10:  # no precondition: which rules there are must not depend on what the clock does
            self.client.shutdown(0)

    # What always holds.

    @invariant()
    def is_in_balance(self) -> None:
        stats = self.client.stats
        assert stats.submitted == stats.delivered + stats.failed + stats.dropped + stats.spooled + stats.pending
        assert stats.submitted == stats.tracks == self.submitted
        assert stats.dropped == sum(stats.dropped_by_reason.values())
        assert stats.successful == stats.delivered
        assert stats.pending == self.held()
        assert (stats.oldest_age > 0) == (stats.pending > 0)

    def held(self) -> int:
        """What buffer and flights really hold."""
        (pipeline,) = self.client._pipelines.values()
        flights, buffer = pipeline._flights, pipeline._buffer
        assert buffer.accepted - buffer.taken == buffer.waiting()
        return buffer.waiting() + sum(len(flight) for flight in flights if not flight.is_settled)

    def teardown(self) -> None:
        if not hasattr(self, "client"):
            return
        self.answer_until_done(gevent.spawn(self.client.flush, 20))
        assert self.client.stats.pending == 0
        self.answer_until_done(gevent.spawn(self.client.shutdown, 20), *self.greenlets)
        self.run(20)
        stats = self.client.stats
        self.is_in_balance()
        assert (stats.delivered, stats.failed, stats.dropped) == tuple(self.told.values())
        assert self.fates == Counter({f"id-{number + 1}": 1 for number in range(self.submitted)})

    def answer_until_done(self, *greenlets: gevent.Greenlet[..., Any]) -> None:
        with gevent.Timeout(20):
            while not all(greenlet.ready() for greenlet in greenlets):
                self.run(1)
                for _ in list(self.transport.open):
                    self.transport.answer(0, "200")


Deliveries.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestInvariant = Deliveries.TestCase
