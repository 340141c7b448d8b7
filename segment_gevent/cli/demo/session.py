"""What the demo's shop knows of each visitor: their cookie, their cart, and who they are once they have said so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2s
from http.cookies import CookieError, SimpleCookie
from typing import Any
from uuid import uuid4

COOKIE = "ajs_anonymous_id"
"""Segment's own name for it: its script for browsers would read and write the same."""
_YEAR = 365 * 24 * 60 * 60


@dataclass(slots=True)
class Session:
    """One visitor. `user_id` is "" until they sign up or in; `order_id` and `coupon` are of the checkout under way."""

    id: str
    user_id: str = ""
    order_id: str = ""
    coupon: str = ""
    cart: dict[str, int] = field(default_factory=dict)

    @property
    def cookie(self) -> str:
        """The Set-Cookie header by which they are known again."""
        return f"{COOKIE}={self.id}; Path=/; Max-Age={_YEAR}; SameSite=Lax"


class Sessions:
    """Everybody who was here."""

    def __init__(self) -> None:
        self._by_id: dict[str, Session] = {}

    def of(self, environ: Mapping[str, Any]) -> tuple[Session, bool]:
        """The session of a request, and whether it has just begun: the visitor has no cookie of this shop's yet."""
        known = self._by_id.get(_cookie(environ.get("HTTP_COOKIE") or ""))
        if known is not None:
            return known, False
        begun = Session(str(uuid4()))
        self._by_id[begun.id] = begun
        return begun, True


def user_id(email: str) -> str:
    """The customer's id: the same for the same address, which it does not give away.

    >>> user_id("ilya@example.org")
    'c-d26e12df8c'
    """
    return f"c-{blake2s(email.strip().lower().encode(), digest_size=5).hexdigest()}"


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""
