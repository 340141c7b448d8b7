"""The requests that arrived: method, path, headers without secrets, sizes, and what they were answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from segment_gevent.debugger.clock import timestamp

MAX_ENTRIES = 10_000
_MAX_HEADERS = 50
_MAX_TEXT = 500
_SECRET = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})


@dataclass(slots=True)
class Entry:
    """One request, as far as it has got. `status` is None until it is answered, and stays so when it is dropped.

    `size` is in bytes as sent, `inflated` in bytes of JSON; `count` is the number of messages it carried; `duration`
    is in seconds, from its headers to the answer.
    """

    number: int
    method: str
    path: str
    headers: dict[str, str]
    received_at: float
    status: int | None = None
    duration: float | None = None
    size: int = 0
    inflated: int = 0
    count: int = 0
    retry_count: int = 0
    sent_at: str | None = None
    problems: list[str] = field(default_factory=list)
    fault: dict[str, object] | None = None

    def as_dict(self) -> dict[str, object]:
        """The entry as `GET /_/requests` shows it."""
        return {
            "number": self.number,
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "receivedAt": timestamp(self.received_at),
            "status": self.status,
            "duration": self.duration,
            "client": self.headers.get("User-Agent"),
            "encoding": self.headers.get("Content-Encoding"),
            "size": self.size,
            "inflated": self.inflated,
            "count": self.count,
            "retryCount": self.retry_count,
            "sentAt": self.sent_at,
            "problems": self.problems,
            "fault": self.fault,
        }


class Journal:
    """The newest requests, at most `max_entries`, and the number of all since `reset`."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._entries: deque[Entry] = deque(maxlen=max_entries)
        self.total = 0

    def reset(self) -> None:
        """Forget every request; numbers start at 1 again."""
        self._entries.clear()
        self.total = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        """The kept entries, newest first, as they stood when this was called."""
        return reversed(list(self._entries))

    def open(self, environ: Mapping[str, object], now: float) -> Entry:
        """Write down the request of a WSGI `environ`; the caller fills in the rest as it comes to know it."""
        self.total += 1
        method, path = str(environ["REQUEST_METHOD"]), str(environ["PATH_INFO"])
        entry = Entry(self.total, method[:_MAX_TEXT], path[:_MAX_TEXT], visible_headers(environ), now)
        self._entries.append(entry)
        return entry


def visible_headers(environ: Mapping[str, object]) -> dict[str, str]:
    """The request's headers by their usual names, shortened; of a secret one only the scheme, as `Basic ***`."""
    headers: dict[str, str] = {}
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            name = key[5:]
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            name = key
        else:
            continue
        name = name.replace("_", "-").title()
        headers[name] = _masked(str(value)) if name.lower() in _SECRET else str(value)[:_MAX_TEXT]
        if len(headers) == _MAX_HEADERS:
            break
    return headers


def _masked(value: str) -> str:
    scheme, space, _rest = value.partition(" ")
    return f"{scheme[:20]} ***" if space else "***"
