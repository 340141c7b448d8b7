"""A visitor without an id: one is made, and goes into a cookie of the answer if a call of the request used it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

MAX_AGE = 365 * 86_400
"""Seconds; as long as Segment's script for browsers keeps it."""


class Newcomer:
    """The id as a function, which a binding calls for each call that would be nobody's; and the cookie that keeps it.

    Args:
        cookie: the name.
        is_secure: whether the visitor came over https, so that the cookie is for that alone.
    """

    def __init__(self, cookie: str, *, is_secure: bool) -> None:
        self.cookie = cookie
        self.is_secure = is_secure
        self.id = ""
        """Empty until a call asks for it."""

    def __call__(self) -> str:
        self.id = self.id or str(uuid4())
        return self.id

    def headers(self, given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """An answer's headers, with the cookie where the id is used, and the application sets none of its name."""
        headers = list(given)
        if self.id and not any(self._is_set_by(*header) for header in headers):
            headers.append(("Set-Cookie", self._written()))
        return headers

    def _is_set_by(self, name: str, value: str) -> bool:
        return name.lower() == "set-cookie" and value.partition("=")[0].strip() == self.cookie

    def _written(self) -> str:
        # Not HttpOnly: Segment's script for browsers takes the id from there.
        secure = "; Secure" if self.is_secure else ""
        return f"{self.cookie}={self.id}; Max-Age={MAX_AGE}; Path=/; SameSite=Lax{secure}"
