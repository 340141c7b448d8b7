"""A WSGI server's part, in the process of the test: requests, and the reading of their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults

Application = Callable[..., Iterable[bytes]]


def request(path: str = "/", query: str = "", **variables: Any) -> dict[str, Any]:
    """The environ of a GET; `variables` by their names in WSGI, as `HTTP_USER_AGENT`."""
    environ = {"SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query, "REMOTE_ADDR": "198.51.100.7", **variables}
    setup_testing_defaults(environ)
    return environ


def call(app: Application, environ: dict[str, Any] | None = None) -> bytes:
    """Have the request answered, and read and close the body, as a server does."""
    body = app(request() if environ is None else environ, lambda status, headers, exc_info=None: lambda data: None)
    try:
        return b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()
