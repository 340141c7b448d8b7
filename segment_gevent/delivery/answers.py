"""What an answer says beyond its status: how long to wait, what time it is, that the request was too large. Pure.

Everything here was written by a stranger, so nothing here raises, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timezone

from segment_gevent.delivery.retry import LONGEST_RETRY_AFTER

_SECONDS = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)

_UNIX_TIMES = 1e9
"""From here on a number is no wait of 30 years but a Unix time: X-RateLimit-Reset has that form with many gateways."""

_TEXT_LIMIT = 4096  # characters; an error says what it is at its beginning, and a page of HTML goes on for long

# What servers that take Segment's calls say, and what stands in front of them. Segment: "Exceed payload limit" (its
# documentation) and "the message is too large and over the maximum 32KB limit"; RudderStack: "Request size exceeds max
# limit"; Express, with which proxies are written: "request entity too large", "PayloadTooLargeError"; Go's
# http.MaxBytesReader: "http: request body too large"; AWS: "RequestEntityTooLarge".
_TOO_LARGE = r"""
      too [\s_-]? (large|big)
    | exceed [^.!?{}]{0,40} \b (payload | body | size | \d+ \s? (k|m|ki|mi)? b(ytes?)?) \b
    | \b (payload | body | size) \b [^.!?{}]{0,40} exceed
    | over [^.!?{}]{0,20} \b (size | \d+ \s? (k|m|ki|mi) b) \b [^.!?{}]{0,10} limit
    """
_TOO_LARGE_FLAGS = re.VERBOSE | re.IGNORECASE | re.ASCII


def asked_wait(headers: Mapping[str, str], wall_clock: float) -> float | None:
    """Seconds that the server asks for before the next request, at most 300; None where it asks for none.

    `Retry-After` counts first, then `X-RateLimit-Reset`. Both may be seconds, whole or with a fraction; the first may
    be an HTTP date in any of its three forms, the second a Unix time. Dates and times are set against the answer's own
    `Date`, which no wrong clock of ours can bend, and only without one against `wall_clock`. What is past, negative or
    garbage asks for nothing: the caller's own wait is the better one.

    Args:
        headers: looked up by these names; whether in any case is up to the mapping (that of requests does).
        wall_clock: Unix time, seconds.

    >>> asked_wait({"Retry-After": "7.5"}, wall_clock=0)
    7.5
    >>> asked_wait({"Retry-After": "Thu, 01 Jan 1970 00:02:00 GMT"}, wall_clock=0)
    120.0
    >>> asked_wait({"Retry-After": "soon", "X-RateLimit-Reset": "86400"}, wall_clock=0)
    300.0
    """
    served = server_clock(headers)
    now = wall_clock if served is None else served
    after = _header(headers, "Retry-After")
    wait = _number(after)
    if wait is None and (moment := _moment(after)) is not None:
        wait = moment - now
    if wait is None or wait < 0:
        wait = _number(_header(headers, "X-RateLimit-Reset"))
        if wait is not None and wait >= _UNIX_TIMES:
            wait -= now
    if wait is None or not wait >= 0:
        return None
    return min(wait, LONGEST_RETRY_AFTER)


def server_clock(headers: Mapping[str, str]) -> float | None:
    """The Unix time at which the server answered, whole seconds, by its `Date` header.

    >>> server_clock({"Date": "Thu, 01 Jan 1970 00:01:00 GMT"})
    60.0
    """
    return _moment(_header(headers, "Date"))


def says_too_large(status: int, body_text: str) -> bool:
    """Whether a refusal is about the request's size, so that its parts may fare better: a 413, or a 400 that says so.

    A wrong guess costs little either way: it decides how a refused batch is taken apart, not what becomes of a message.

    >>> says_too_large(413, ""), says_too_large(400, "Exceed payload limit"), says_too_large(400, "Invalid JSON")
    (True, True, False)
    """
    return status == 413 or (status == 400 and _is_about_size(body_text))


def _is_about_size(text: str) -> bool:
    # Compiled with the first refusal, and then kept by `re`: 0.3 ms that the package's import does without.
    return re.search(_TOO_LARGE, text[:_TEXT_LIMIT], _TOO_LARGE_FLAGS) is not None


def _number(text: str) -> float | None:
    """A plain decimal number; neither `1e5`, `1_000`, `inf` nor `-1`, nor digits of other scripts."""
    return float(text) if _SECONDS.fullmatch(text) else None


def _moment(text: str) -> float | None:
    """An HTTP date as Unix time."""
    from email.utils import parsedate_to_datetime  # costs 3 ms; whatever speaks HTTP has it by the first answer

    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # of the three forms, asctime's names no zone; all are GMT
            moment = moment.replace(tzinfo=timezone.utc)
        return moment.timestamp()
    except Exception:  # ValueError by contract; TypeError, IndexError and OverflowError came of odd texts too
        return None


def _header(headers: Mapping[str, str], name: str) -> str:
    return str(headers.get(name, "")).strip()  # a transport of the application's own may give a number
