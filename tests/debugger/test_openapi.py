"""The description says what the server does: its routes, parameters, faults and answers, compared over a connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from servers.local_segment import LocalSegment
from servers.segment_calls import TIME, batch, headers, message
from servers.stream_listener import listening

from segment_gevent.debugger import openapi
from segment_gevent.debugger.connection import Connection
from segment_gevent.debugger.faults import FaultError, parse_faults
from segment_gevent.events.message import TYPES

METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH")


def validator_of(document: dict[str, Any], schema: object) -> jsonschema_rs.Validator:
    whole = {"components": document["components"], "allOf": [schema]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


class Described:
    """A server and its description, to which every answer is held."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.document: dict[str, Any] = orjson.loads(connection.request("GET", "/_/openapi.json")[1])
        self.left = {
            (method.upper(), path) for path, operations in self.document["paths"].items() for method in operations
        }

    def ask(self, method: str, path: str, body: bytes | None = None, **given: str) -> tuple[int, Any]:
        """One request; its status and its decoded answer, which is as described."""
        status, answer = self._connection.request(method, path, body, headers(**given))
        described = path.partition("?")[0]
        responses = self.document["paths"][described][method.lower()]["responses"]
        response = responses.get(str(status)) or responses[f"{status // 100}XX"]
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        self.left.discard((method, described))
        if "content" not in response:
            assert answer == b""
            return status, None
        value = orjson.loads(answer)
        schema = response["content"]["application/json"]["schema"]
        assert [error.message for error in validator_of(self.document, schema).iter_errors(value)] == []
        return status, value


@pytest.fixture
def described(segment_server: LocalSegment) -> Iterator[Described]:
    with Connection(segment_server.url, timeout=20) as connection:
        yield Described(connection)


def own(described: Described) -> dict[str, dict[str, Any]]:
    """The paths below `/_/`, with their operations."""
    return {path: each for path, each in described.document["paths"].items() if path.startswith("/_/")}


def test_it_is_openapi(described: Described, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 3.1, without a mistake."""
    # It would take jsonschema-rs where that is installed, and not in the lowest version that we want.
    monkeypatch.setenv("OPENAPI_SPEC_VALIDATOR_SCHEMA_VALIDATOR_BACKEND", "jsonschema")
    assert described.document["openapi"] == "3.1.0"
    assert [error.message for error in OpenAPIV31SpecValidator(described.document).iter_errors()] == []


def test_it_names_every_route_and_no_other(described: Described, segment_server: LocalSegment) -> None:
    """Those that the server lists when asked for another; each method that it refuses is not described."""
    with Connection(segment_server.url, timeout=20) as connection:
        status, answer = connection.request("GET", "/_/nothing")
        assert status == 404
        listed = orjson.loads(answer)["error"].partition("there are ")[2].split(", ")
        assert sorted(own(described)) == sorted(f"/_/{name}" for name in listed)
        for path, operations in own(described).items():
            for method in METHODS:
                if method.lower() not in operations:
                    assert connection.request(method, path)[0] == 405, (method, path)


def test_it_names_every_parameter_and_no_other(described: Described) -> None:
    """Those that the server lists when given another; each is understood with a value of its schema."""
    for path, operations in own(described).items():
        parameters = operations.get("get", {}).get("parameters", [])
        if not parameters:
            continue
        error = described.ask("GET", f"{path}?nonsense=1&id=x")[1]["error"]
        assert sorted(error.partition("known are ")[2].split(", ")) == sorted(
            each["name"] for each in parameters if not each.get("required")
        )


def test_every_answer_is_as_described(described: Described, segment_server: LocalSegment) -> None:
    """Of each operation at least one, with all kinds of events and requests to tell of."""
    faults = orjson.dumps([{"status": 429, "headers": {"Retry-After": "7"}, "times": 2}, {"drop": "after"}])
    assert described.ask("PUT", "/_/faults", faults) == (200, {"waiting": 2})
    assert described.ask("POST", "/v1/batch", batch(message(1)))[0] == 429
    assert described.ask("POST", "/v1/batch", batch(message(1)))[0] == 429
    with pytest.raises(OSError):
        described.ask("POST", "/v1/batch", batch(message(1)))
    for number, call in enumerate(("batch", "import")):
        assert described.ask("POST", f"/v1/{call}", batch(message(1), message(number)), X_Retry_Count="3")[0] == 200
    for call in TYPES:
        single = message(messageId=call, type=call, groupId="acme", previousId="user-1", name="Home", sentAt=TIME)
        assert described.ask("POST", f"/v1/{call}", orjson.dumps(single))[0] == 200
    for path in described.document["paths"]:
        if path.startswith("/v1/"):
            assert described.ask("OPTIONS", path)[0] == 204
    assert described.ask("POST", "/v1/batch", batch(message(9, event=None), 7))[0] == 400
    assert described.ask("POST", "/v1/batch", b"{")[0] == 400
    assert described.ask("POST", "/v1/batch", b"{", Content_Encoding="br")[0] == 415

    assert described.ask("POST", "/_/faults", orjson.dumps([{"hold": True, "share": 0.5, "times": None}]))[0] == 200
    assert described.ask("GET", "/_/faults")[1] == [{"hold": True, "share": 0.5, "times": None}]
    assert described.ask("PUT", "/_/faults", b'[{"status": 7}]')[0] == 400
    assert described.ask("DELETE", "/_/faults")[0] == 204
    assert described.ask("POST", "/_/release")[1] == {"released": 0}
    assert described.ask("GET", "/_/events?duplicate=true")[1]["total"] == 3
    assert described.ask("GET", f"/_/events?valid=false&since={TIME}&limit=2&offset=0")[1]["total"] == 2
    assert described.ask("GET", "/_/events?since=yesterday")[0] == 400
    assert described.ask("GET", "/_/summary")[1]["byType"]["group"] == 1
    assert described.ask("GET", "/_/names")[1]["names"]
    assert described.ask("GET", "/_/user?id=user-1")[1]["events"]
    assert described.ask("GET", "/_/user")[0] == 400
    requests = described.ask("GET", "/_/requests")[1]["requests"]
    assert {request["status"] for request in requests} == {None, 200, 400, 415, 429}
    assert described.ask("GET", "/_/wait?count=3&requests=3&held=0&timeout=0")[1]["reached"]
    assert described.ask("GET", "/_/about")[0] == 200
    assert described.ask("GET", "/_/openapi.json")[1] == described.document
    assert described.ask("POST", "/_/reset")[0] == 204
    assert described.left == {("GET", "/_/stream")}


def test_a_frame_is_as_described(described: Described, segment_server: LocalSegment) -> None:
    """The data of `change`."""
    validator = validator_of(described.document, {"$ref": "#/components/schemas/Change"})
    with listening(segment_server) as listener:
        frames = [listener.frame()]
        assert described.ask("POST", "/v1/batch", batch(message(1)))[0] == 200
        frames.append(listener.frame())
    for name, frame in frames:
        assert (name, [error.message for error in validator.iter_errors(frame)]) == ("change", [])


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"status": 200},
        {
            "status": 599,
            "headers": {"Retry-After": "7"},
            "delay": 600,
            "drop": "before",
            "times": 1_000_000,
            "share": 1,
        },
        {"times": None, "share": 0.001, "hold": False, "drop": "after", "delay": 0.5},
        {"status": 199},
        {"status": 600},
        {"status": "500"},
        {"status": True},
        {"delay": -1},
        {"delay": 601},
        {"drop": "during"},
        {"times": 0},
        {"times": 1_000_001},
        {"share": 0},
        {"share": 1.1},
        {"hold": 1},
        {"headers": []},
        {"headers": {"X": 1}},
        {"other": 1},
        7,
    ],
)
def test_a_fault_is_understood_where_it_is_as_described(fault: object) -> None:
    """And refused where it is not."""
    validator = validator_of(openapi.describe("/_/", []), {"$ref": "#/components/schemas/Faults"})
    if validator.is_valid([fault]):
        assert len(parse_faults([fault])) == 1
    else:
        with pytest.raises(FaultError):
            parse_faults([fault])
