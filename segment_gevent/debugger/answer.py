"""What the local Segment answers to one request: a status, headers and a body, and the making of JSON ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import orjson

# HTTP allows these no body.
_BODILESS = frozenset({204, 304})


@dataclass(slots=True)
class Answer:
    """One answer. `close` asks for the end of the connection once it is sent; a `stream` is sent in place of a body."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    close: bool = False
    stream: Iterator[bytes] | None = None

    @property
    def status_line(self) -> str:
        """The status as WSGI wants it: `429 Too Many Requests`; a status nobody named reads `460 Unknown`."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return f"{self.status} Unknown"

    def header_list(self) -> list[tuple[str, str]]:
        """The headers as WSGI wants them, with the length of the body where there is one that can be known."""
        headers = list(self.headers.items())
        if self.status not in _BODILESS and self.stream is None:
            headers.append(("Content-Length", str(len(self.body))))
        if self.close:
            headers.append(("Connection", "close"))
        return headers


def json_answer(status: int, value: object, headers: Mapping[str, str] | None = None, *, close: bool = False) -> Answer:
    """An answer that carries `value` as JSON, unless its status allows no body."""
    body = b"" if status in _BODILESS else orjson.dumps(value)
    return Answer(status, body, {"Content-Type": "application/json", **(headers or {})}, close)
