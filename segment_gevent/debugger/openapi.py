"""The description of the whole API, as OpenAPI 3.1: Segment's calls, which the server takes, and its own routes."""

from __future__ import annotations

from collections.abc import Iterable

from segment_gevent.debugger.intake import BATCH_CALLS
from segment_gevent.debugger.routes import EVENT_STREAM, JSON, Route
from segment_gevent.debugger.schemas import ANSWERS, ASKED, Schema, ref
from segment_gevent.events.message import TYPES
from segment_gevent.version import __version__

_OWN, _SEGMENTS = "The local Segment", "Segment"
_STREAM = (
    "A frame at once, then one after each change, at most five a second: `event: change`, whose data are a `Change`; "
    "`event: reset` after a reset; a comment now and then where nothing changes."
)


def describe(prefix: str, routes: Iterable[Route]) -> Schema:
    """The document, for the routes below `prefix`."""
    paths: dict[str, dict[str, Schema]] = {}
    for call in (*BATCH_CALLS, *TYPES):
        paths[f"/v1/{call}"] = {"post": _call(call), "options": _preflight(call)}
    for route in routes:
        paths.setdefault(prefix + route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The local Segment",
            "version": __version__,
            "summary": "Takes every call of Segment's API, and tells what came.",
            "description": "The calls may be behind any path prefix. Beyond loopback all below /_/ wants the token.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": _SEGMENTS}, {"name": _OWN}],
        "paths": paths,
        "components": {
            "schemas": {**ANSWERS, **ASKED},
            "responses": {
                "Error": _answer("What is wrong with the request, or who may not make it", "Error"),
                "Refused": _answer("Nothing was taken: what is wrong, or a fault that was asked for", "Refused"),
            },
            "securitySchemes": {
                "writeKey": {"type": "http", "scheme": "basic", "description": "The write key as the user."},
                "oauth": {"type": "http", "scheme": "bearer", "description": "A token; writeKey is in the body too."},
                "token": {"type": "http", "scheme": "bearer", "description": "The token of the address printed."},
            },
        },
    }


def _call(call: str) -> Schema:
    several = call in BATCH_CALLS
    return {
        "operationId": f"take_{call}",
        "tags": [_SEGMENTS],
        "summary": f"{'Several messages at once' if several else f'One {call} message'}, plain or as gzip.",
        "security": [{"writeKey": []}, {"oauth": []}, {}],
        "parameters": [
            {"in": "header", "name": "Content-Encoding", "schema": {"enum": ["gzip", "identity"]}},
            {"in": "header", "name": "X-Retry-Count", "schema": {"type": "integer", "minimum": 0}},
        ],
        "requestBody": _body("Batch" if several else "Call"),
        "responses": {
            "200": _answer("Taken, and judged", "Taken"),
            "4XX": {"$ref": "#/components/responses/Refused"},
            "5XX": {"$ref": "#/components/responses/Refused"},
        },
    }


def _preflight(call: str) -> Schema:
    return {
        "operationId": f"allow_{call}",
        "tags": [_SEGMENTS],
        "summary": "What a browser asks before it sends from a page of any origin.",
        "responses": {"204": {"description": "It may"}},
    }


def _operation(route: Route) -> Schema:
    operation: Schema = {
        "operationId": f"{route.method.lower()}_{route.path.partition('.')[0]}",
        "tags": [_OWN],
        "summary": route.words,
        "security": [{}, {"token": []}],
        "responses": {**_success(route), "4XX": {"$ref": "#/components/responses/Error"}},
    }
    if route.media_type == EVENT_STREAM:
        operation["description"] = _STREAM
    if route.parameters:
        operation["parameters"] = [
            {
                "in": "query",
                "name": each.name,
                "description": each.words,
                "schema": each.schema,
                **({"required": True} if each.required else {}),
            }
            for each in route.parameters
        ]
    if route.body is not None:
        operation["requestBody"] = _body(route.body)
    return operation


def _success(route: Route) -> Schema:
    if route.media_type == EVENT_STREAM:
        return {"200": {"description": "Frames", "content": {EVENT_STREAM: {"schema": {"type": "string"}}}}}
    if route.answer is None:
        return {"204": {"description": "Done"}}
    return {"200": _answer("Found", route.answer)}


def _answer(words: str, schema: str) -> Schema:
    return {"description": words, "content": {JSON: {"schema": ref(schema)}}}


def _body(schema: str) -> Schema:
    return {"required": True, "content": {JSON: {"schema": ref(schema)}}}
