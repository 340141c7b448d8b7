"""An application's code as type checkers see it: what is right passes, and each mistake is marked and must be one.

mypy reads this file and nobody runs it. `warn_unused_ignores` makes a mark fail whose mistake goes unnoticed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import requests
from typing_extensions import assert_type

import segment_gevent as segment
import segment_gevent.analytics as analytics
from segment_gevent.contrib.wsgi import SegmentMiddleware
from segment_gevent.testing import Match, ScriptedTransport, SegmentEvents, disabled, recorded

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def options(bundle: Path) -> None:
    client = segment.initialize("key", flush_at=1, flush_after=timedelta(seconds=1), verify=bundle)
    assert_type(client, segment.Client)
    segment.initialize()
    segment.initialize(timeout=(1, 2.5), proxies={"https": "http://proxy:3128"}, log_level="DEBUG")
    segment.Client("key", timeout=3, async_=False, enabled=False)
    segment.initialize("key", flush_at="10")  # type: ignore[arg-type]
    segment.initialize("key", flush_att=10)  # type: ignore[call-arg]
    segment.initialize("key", "https://host")  # type: ignore[call-arg]
    segment.Client(7)  # type: ignore[arg-type]
    assert_type(client.options.flush_after, float)
    assert_type(client.options.timeout, tuple[float, float])
    client.options.gzip = True  # type: ignore[misc]


def calls(properties: Mapping[str, object]) -> None:
    accepted = segment.track("session", "user", "Order Completed", {"total": Decimal("17.90")})
    assert_type(accepted, bool)
    segment.track(user_id=7, event="Order Completed", properties=properties, timestamp=datetime.now())
    segment.identify(uuid.uuid4(), None, {"plan": "free"}, context={"ip": "127.0.0.1"})
    segment.page("session", name="Home", category="Shop", timestamp=date.today())
    segment.screen("session", name="Home", timestamp="2026-11-23T15:19:40Z")
    segment.group(user_id="user", group_id=0, integrations={"All": False})
    segment.alias("before", "after", message_id="import-7")
    segment.track("user", "Order Completed", {"total": 1})  # type: ignore[arg-type]
    segment.track(user_id="user", event="E", propertis={})  # type: ignore[call-arg]
    segment.track(user_id=["user"], event="E")  # type: ignore[arg-type]
    segment.track(user_id="user", event="E", timestamp=1.0)  # type: ignore[arg-type]
    segment.identify("session", "user", [("plan", "free")])  # type: ignore[arg-type]
    segment.group(user_id="user", group_id="g", category="c")  # type: ignore[call-arg]


def doctor(client: segment.Client) -> None:
    diagnosis = segment.diagnose(client, network=False, within=timedelta(seconds=3))
    assert_type(diagnosis, segment.Diagnosis)
    assert_type([finding.fix for finding in diagnosis], list[str])
    assert_type(diagnosis.errors, tuple[segment.Finding, ...])
    assert_type(diagnosis.to_json(), str)
    diagnosis.findings = ()  # type: ignore[misc]
    segment.diagnose(within="3")  # type: ignore[arg-type]


def delivery() -> None:
    assert_type(segment.flush(), bool)
    assert_type(segment.flush(timedelta(seconds=1)), bool)
    assert_type(segment.shutdown(timeout=0.5), bool)
    assert_type(segment.stats, segment.Stats)
    assert_type(segment.stats.delivered, int)
    assert_type(segment.default_client, segment.Client | None)
    segment.flush("1")  # type: ignore[arg-type]
    segment.stats.delivered = 0  # type: ignore[misc]
    segment.default_client.flush()  # type: ignore[union-attr]


@segment.on_success
def delivered(data: dict[str, Any], response: requests.Response) -> None:
    print(len(data["batch"]), response.status_code)


@segment.on_failure
def failed(data: dict[str, Any], error: segment.DeliveryError) -> None:
    assert_type(error.status, int | None)
    assert_type(error.attempts, int)


@segment.on_drop
def dropped(message: dict[str, Any], reason: str) -> None:
    print(message["messageId"], reason)


assert_type(delivered({}, requests.Response()), None)  # a decorated callback stays what it was


@segment.on_failure  # type: ignore[type-var]
def swapped(error: segment.DeliveryError, data: dict[str, Any]) -> None: ...


class Recorder:
    """A transport needs no base class."""

    def send(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        return requests.Response()

    def close(self) -> None: ...


class Halved:
    def send(self, body: bytes) -> requests.Response:
        return requests.Response()

    def close(self) -> None: ...


segment.Client("key", transport=Recorder())
segment.Client("key", transport=Halved())  # type: ignore[arg-type]

with segment.Client("key") as client:
    assert_type(client, segment.Client)
    assert_type(client.track("session", event="E"), bool)
    assert_type(client.stats.dropped_by_reason, Mapping[str, int])


@segment.bound_context(page={"path": "/cart"})
def in_a_request(environ: dict[str, Any]) -> int:
    segment.bind_user("ilya", session_id=uuid.uuid4())
    segment.bind_user(lambda: environ.get("user"))
    segment.bind_context(ip="::1")
    segment.unbind_context("ip", "page")
    segment.clear_context()
    segment.bind_user(["ilya"])  # type: ignore[arg-type]
    segment.unbind_context(7)  # type: ignore[arg-type]
    return 1


assert_type(in_a_request({}), int)  # a decorated function stays what it was
assert_type(segment.carry_context(in_a_request)({}), int)
with segment.bound_context(ip="::1"):
    assert_type(segment.health(), segment.Health)
    segment.health().ok = True  # type: ignore[misc]


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return [b""]


SegmentMiddleware(application, trusted_proxies=["10.0.0.0/8"], user=lambda environ: None)
SegmentMiddleware(application, trusted_proxies=1.5)  # type: ignore[arg-type]


def test_an_order(segment_events: SegmentEvents) -> None:
    assert_type(segment_events.tracked("Order Completed", properties__total=30), Match)
    assert_type(segment_events[0], dict[str, Any])
    with recorded() as events:
        assert_type(events, SegmentEvents)
    with disabled():
        pass
    transport = ScriptedTransport(503, 200)
    segment.Client("key", transport=transport)
    assert_type(transport.messages, list[dict[str, Any]])


def as_the_official_client() -> None:
    analytics.write_key = "key"
    success, message = analytics.track("user", "Order Completed", {"total": 19.9})
    assert_type(success, bool)
    assert_type(message, dict[str, Any])
    analytics.track("user", "E", propertis={})  # type: ignore[call-arg]
