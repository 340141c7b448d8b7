"""Transports for tests: they take the place of HTTP, remember what was sent, and answer as they are told.

>>> from segment_gevent import Client
>>> transport = ScriptedTransport(503, 200)  # the first request fails, the second is well
>>> client = Client("write-key", transport=transport, log=False)
>>> client.track(user_id="ilya", event="Played a Song")
True
>>> client.flush(), len(transport.sent), transport.messages[0]["event"]
(True, 2, 'Played a Song')
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import gevent
import orjson
from gevent.event import Event

if TYPE_CHECKING:
    import requests

Answer: TypeAlias = "int | requests.Response | BaseException | Hold | Callable[[Sent], Answer]"
"""What a script is made of."""


@dataclass(frozen=True)
class Sent:
    """One request, as a transport was given it."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)  # both hold the write key

    @property
    def payload(self) -> dict[str, Any]:
        """The body decoded, `writeKey` and all."""
        is_gzip = self.headers.get("Content-Encoding") == "gzip"
        payload: dict[str, Any] = orjson.loads(gzip.decompress(self.body) if is_gzip else self.body)
        return payload

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The decoded messages."""
        batch: list[dict[str, Any]] = self.payload["batch"]
        return batch


def response(
    status: int, headers: Mapping[str, str] | None = None, content: bytes = b'{"success":true}'
) -> requests.Response:
    """A `requests.Response` as a server would have given it."""
    import requests

    made = requests.Response()
    made.status_code = status
    made.headers.update(headers or {})
    made._content = content
    return made


class RecordingTransport:
    """Answers 200 to everything, at once.

    Attributes:
        sent: every request, in order, repeats included.
        closed: how often it was closed.
    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.closed = 0
        self._came = Event()

    def send(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        """Remember the request and answer it; waits only where a script says so."""
        sent = Sent(body, dict(headers))
        self.sent.append(sent)
        self._came.set()
        return self._answer(sent)

    def close(self) -> None:
        self.closed += 1

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The decoded messages of every request, in order, repeats included."""
        return [message for sent in list(self.sent) for message in sent.messages]

    def wait_for(self, requests: int, *, timeout: float = 10.0) -> None:
        """Wait, cooperatively, until so many requests came.

        Raises:
            TimeoutError: that took longer than `timeout` seconds.
        """
        with gevent.Timeout(timeout, TimeoutError(f"waited {timeout:g} s for {requests} requests")):
            while len(self.sent) < requests:
                self._came.clear()
                if len(self.sent) < requests:
                    self._came.wait()

    def _answer(self, sent: Sent) -> requests.Response:  # noqa: ARG002 - a script may look at it
        return response(200)


class Hold:
    """An answer that is kept back: the request is in flight until `release()`.

    Attributes:
        arrived: a gevent event, set when the request is there.
    """

    def __init__(self, answer: Answer = 200) -> None:
        self.arrived = Event()
        self._answer = answer
        self._released = Event()

    def release(self) -> None:
        """Let the answer go. From any thread, and before the request came too."""
        self._released.set()

    def wait(self) -> Answer:
        """What a transport does with it."""
        self.arrived.set()
        self._released.wait()
        return self._answer


class ScriptedTransport(RecordingTransport):
    """Answers each request with the next of its script, and with 200 when there is none left.

    Args:
        script: a status; a `requests.Response` (see `response`); an exception, which is raised; a `Hold`; or a
            function of the `Sent` that returns or raises one of these.
    """

    def __init__(self, *script: Answer) -> None:
        super().__init__()
        self.script: list[Answer] = list(script)

    def _answer(self, sent: Sent) -> requests.Response:
        answer = self.script.pop(0) if self.script else 200
        while True:
            if isinstance(answer, BaseException):
                raise answer
            if isinstance(answer, Hold):
                answer = answer.wait()
            elif isinstance(answer, int):
                return response(answer)
            elif callable(answer):
                answer = answer(sent)
            else:
                return answer  # what a test calls rubbish, too
