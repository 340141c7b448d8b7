"""Browsers may send from pages of every origin, with whatever headers their library has."""

from __future__ import annotations

import http.client

import orjson
import pytest
from servers.local_segment import LocalSegment
from servers.segment_calls import message

from segment_gevent.debugger.cors import preflight


def allowed(asked: str) -> str:
    return preflight({"HTTP_ACCESS_CONTROL_REQUEST_HEADERS": asked})["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("asked", ["content-type", "authorization,anonymousid, content-type"])
def test_the_headers_that_a_browser_asks_for_are_allowed(asked: str) -> None:
    """RudderStack's library sends one of its own."""
    assert allowed(asked) == asked


@pytest.mark.parametrize("asked", ["", "x" * 1001, "a b", "a\r\nSet-Cookie: x", ",".join("x" * 60), "ä"])
def test_what_is_no_list_of_names_is_not_repeated(asked: str) -> None:
    """The usual ones are allowed instead."""
    assert "content-type" in allowed(asked)
    assert not asked or asked not in allowed(asked)


def test_a_page_from_the_network_may_reach_this_machine() -> None:
    """Where the browser asks for it."""
    asked = preflight({"HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK": "true"})
    assert asked["Access-Control-Allow-Private-Network"] == "true"
    assert "Access-Control-Allow-Private-Network" not in preflight({})


def test_a_page_reads_how_long_it_is_to_wait(segment_server: LocalSegment) -> None:
    """Of a refusal too; what it sends as text, since that needs no preflight, is valid on a strict server."""
    segment_server.faults([{"status": 429, "headers": {"Retry-After": "7"}}])
    given = {"Content-Type": "text/plain", "Origin": "https://shop.example"}
    body = orjson.dumps({**message(1), "writeKey": "key"})
    raw = http.client.HTTPConnection("127.0.0.1", segment_server.port, timeout=20)
    for status in (429, 200):
        raw.request("POST", "/v1/t", body, given)
        answer = raw.getresponse()
        answer.read()
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, "*")
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
    raw.close()
    assert segment_server.summary()["valid"] == 1


def test_the_api_below_is_for_no_other_origin(segment_server: LocalSegment) -> None:
    """No preflight of its own, and no word that would let a page read."""
    raw = http.client.HTTPConnection("127.0.0.1", segment_server.port, timeout=20)
    for method in ("OPTIONS", "GET"):
        raw.request(method, "/_/events", headers={"Access-Control-Request-Method": "GET"})
        answer = raw.getresponse()
        answer.read()
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    raw.close()
