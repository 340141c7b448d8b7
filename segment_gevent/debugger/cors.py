"""What lets browsers send from pages of every origin: to the intake alone, never below `/_/`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

# A page's code may read how long it is to wait.
HEADERS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After, X-RateLimit-Reset"}
_USUAL = "authorization, content-encoding, content-type, x-retry-count"
_NAMES = re.compile(r"[\w\-]+(?:\s*,\s*[\w\-]+){0,49}", re.A)
_MAX_LENGTH = 1000


def preflight(environ: Mapping[str, object]) -> dict[str, str]:
    """The answer to what a browser asks before it sends JSON. Libraries have headers of their own: any may be sent."""
    asked = str(environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", ""))
    answer = {
        **HEADERS,
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": asked if len(asked) <= _MAX_LENGTH and _NAMES.fullmatch(asked) else _USUAL,
        "Access-Control-Max-Age": "600",
        "Vary": "Access-Control-Request-Headers",
    }
    if "HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK" in environ:
        # A page from the network asks whether it may reach this machine.
        answer["Access-Control-Allow-Private-Network"] = "true"
    return answer
