"""Calls of Segment's API as bytes and headers, written out by hand: what tests of the local Segment send it."""

from __future__ import annotations

import base64
from typing import Any

import orjson

TIME = "2026-11-23T15:19:40.388Z"


def headers(write_key: str = "key", **more: str) -> dict[str, str]:
    """The headers that an official library sends; `more` ones by name, with `_` for `-`."""
    credentials = base64.b64encode(f"{write_key}:".encode()).decode()
    extra = {name.replace("_", "-"): value for name, value in more.items()}
    return {"Content-Type": "application/json", "Authorization": f"Basic {credentials}", **extra}


def message(number: int = 0, **fields: Any) -> dict[str, Any]:
    """A valid track message whose messageId tells its number; `fields` go over it, None takes one away."""
    whole = {
        "type": "track",
        "messageId": f"id-{number}",
        "timestamp": TIME,
        "userId": f"user-{number}",
        "event": "Item Bought",
        "properties": {"price": 17.9},
        "context": {"library": {"name": "by-hand", "version": "1.0"}},
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not None}


def batch(*messages: object, **fields: Any) -> bytes:
    """The body of a batch call, valid as long as its messages are; `fields` as in `message`."""
    whole = {"batch": list(messages), "sentAt": TIME, "writeKey": "key", **fields}
    return orjson.dumps({name: value for name, value in whole.items() if value is not None})
