"""Every error that this package raises or reports.

    SegmentError
    ├── ConfigError          (ValueError)    an option has a wrong type or value
    ├── ValidationError      (ValueError)    a call has a wrong argument
    ├── NotInitializedError  (RuntimeError)  a module function was called before `initialize`
    └── DeliveryError                        a batch was not delivered; reported, never raised into the application

A mistake in the caller's code raises at once. Whatever goes wrong later, on the way to the server, reaches
`on_failure` as a `DeliveryError`, with the foreign error as its `__cause__`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


class SegmentError(Exception):
    """The base of all errors of this package."""


class ConfigError(SegmentError, ValueError):
    """An option has a wrong type or value; the text names the option and the value's type."""


class ValidationError(SegmentError, ValueError):
    """A call has a wrong argument; the text names the argument and the value's type. Nothing was counted."""


class NotInitializedError(SegmentError, RuntimeError):
    """A module function was called before `initialize`."""


class DeliveryError(SegmentError):
    """A batch was not delivered.

    Attributes:
        reason: what went wrong, as one word: `"status"` (the server answered and refused), `"timeout"`, `"connection"`,
            `"tls"`, `"proxy"`, `"dns"`, `"oauth"` (no token), `"outbox"` (Redis answered, and did not take the batch)
            or `"transport"` (anything else that a transport raised).
        status: the HTTP status of the last answer, or None where none came.
        response: the last answer, or None.
        attempts: how many times the batch was sent.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        response: requests.Response | None = None,
        attempts: int = 0,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.response = response
        self.attempts = attempts

    @property
    def status(self) -> int | None:
        return getattr(self.response, "status_code", None)
