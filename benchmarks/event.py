"""The event that every library sends: an order of 441 bytes as this package writes it, no two alike."""

from __future__ import annotations

from typing import Any, NamedTuple

NAME = "Order Completed"
MARK = "50314b8e9bcf"
"""Stands once in each event, and in nothing that a library adds: the sink counts events by it, in whatever format."""

_SPREAD = 0x9E3779B97F4A7C15
"""An odd number near 2**64 times the golden ratio: its multiples are distinct and look random to a compressor."""


class Made(NamedTuple):
    """What a request has at hand when it tracks."""

    session: str
    user: str
    properties: dict[str, Any]


def make(number: int) -> Made:
    """Event `number`, with a new dict at each call, as a request would make it.

    Without distinct ids gzip would find each event in the one before; with the same dict each time, a library that
    queues its caller's dict would seem to need no memory.
    """
    distinct = _distinct(number)
    properties = {
        "order_id": MARK + distinct[:12],
        "affiliation": "Google Merchandise Store",
        "total": number % 9973 / 100,
        "currency": "EUR",
        "products": [{"product_id": distinct, "sku": "45790", "price": 19, "quantity": 1}],
    }
    return Made(f"session-{number % 1000:03}", f"user-{number % 1000:03}", properties)


def make_sized(number: int, size: int) -> Made:
    """The same with properties that are so many bytes of JSON, at least 60."""
    properties = {"order_id": MARK + _distinct(number)[:12], "comment": "x" * (size - _SMALLEST)}
    return Made(f"session-{number % 1000:03}", f"user-{number % 1000:03}", properties)


def _distinct(number: int) -> str:
    return f"{number * _SPREAD & 0xFFFFFFFFFFFFFFFF:016x}"


_SMALLEST = len('{"order_id":"","comment":""}') + 24
