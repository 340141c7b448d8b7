"""The answers that refuse, as the official client hands them to `on_error`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

    from segment_gevent import DeliveryError


class APIError(Exception):
    """The server answered, and refused.

    Attributes:
        status: the HTTP status.
        code, message: what the answer's JSON says; `"unknown"` and its text where it is something else.
        response: the answer.
    """

    def __init__(self, status: int, code: str, message: str, response: requests.Response | None = None) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.response = response

    def __str__(self) -> str:
        return f"[Segment] {self.code}: {self.message} ({self.status})"


def shown(error: DeliveryError) -> Exception:
    """The error as the official client would have it: an APIError if there was an answer, else `error` itself."""
    if error.response is None or error.status is None:
        return error
    code, text = _said(error.response)
    told = APIError(error.status, code, text, error.response)
    told.__cause__ = error
    return told


def _said(response: requests.Response) -> tuple[str, str]:
    if 300 <= response.status_code < 400:
        return "redirect", response.reason
    try:
        said: Any = response.json()
        return said["code"], said["message"]
    except (ValueError, KeyError, TypeError):
        return "unknown", response.text
