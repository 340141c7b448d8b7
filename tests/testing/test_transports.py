"""The transports for tests: what they remember, and how they are told what to answer."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import pytest

from segment_gevent import Client, DeliveryError
from segment_gevent.testing import Hold, RecordingTransport, ScriptedTransport, Sent, response


def test_it_records_what_was_sent(make_client: Callable[..., Client]) -> None:
    """Requests and messages, decoded, gzip too; a repr shows neither body nor credentials."""
    transport = RecordingTransport()
    with make_client(transport=transport, gzip=True) as client:
        client.track("s", event="E")
    (sent,) = transport.sent
    assert [message["event"] for message in transport.messages] == ["E"]
    assert sent.payload["writeKey"] == "write-key"
    assert (transport.closed, repr(sent)) == (1, "Sent()")


def test_a_script_is_answered_in_order() -> None:
    """Statuses, responses, exceptions, functions; and 200 when it is at its end."""
    lost = DeliveryError("lost", reason="connection")
    transport = ScriptedTransport(503, response(429, {"Retry-After": "7"}), lost, lambda sent: len(sent.body))
    assert transport.send(b"", {}).status_code == 503
    assert transport.send(b"", {}).headers["retry-after"] == "7"
    with pytest.raises(DeliveryError) as caught:
        transport.send(b"", {})
    assert caught.value is lost
    assert transport.send(b"x" * 204, {}).status_code == 204
    assert transport.send(b"", {}).json() == {"success": True}


def test_a_held_answer_waits_for_its_release() -> None:
    """The request is there, and in flight, until then."""
    hold = Hold(503)
    transport = ScriptedTransport(hold)
    sending = gevent.spawn(transport.send, b"", {})
    assert hold.arrived.wait(5)
    assert not sending.ready()
    hold.release()
    assert sending.get(timeout=5).status_code == 503


def test_waiting_for_requests_ends_when_they_came_or_at_the_time_out() -> None:
    """The TimeoutError tells what was waited for."""
    transport = RecordingTransport()
    gevent.spawn(transport.send, b"", {})
    transport.wait_for(1)
    assert transport.sent == [Sent(b"", {})]
    with pytest.raises(TimeoutError, match=r"waited 0\.01 s for 2 requests"):
        transport.wait_for(2, timeout=0.01)
