"""The local Segment's own API, under `/_/`: what arrived, and what shall go wrong.

GET  /_/events     filters type, event, user, valid, text, since; limit, offset; newest first
GET  /_/summary    counts since the last reset
GET  /_/requests   the requests, newest first; limit
GET  /_/wait       until `count` distinct messages, `requests` requests and `held` held answers; timeout in seconds
POST /_/reset      forget all of it, faults included
GET  /_/faults, PUT /_/faults   the answers to come that go wrong
POST /_/release    let go of the held answers
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import gevent
import orjson
from gevent.event import Event as Flag

from segment_gevent.debugger import body
from segment_gevent.debugger.answer import Answer, json_answer
from segment_gevent.debugger.faults import FaultError, Faults, parse_faults
from segment_gevent.debugger.journal import Journal
from segment_gevent.debugger.query import Query, QueryError, timestamp
from segment_gevent.debugger.store import Event, EventStore

PREFIX = "/_/"
MAX_WAIT = 600.0
_DEFAULT_REQUESTS = 100
_BODY_LIMIT = 1024 * 1024


class State:
    """All that the local Segment remembers, shared by the intake and the control API of one server."""

    def __init__(self) -> None:
        self.store = EventStore()
        self.journal = Journal()
        self.faults = Faults()
        self.held = 0
        self._gate = Flag()
        self._changed = Flag()

    def changed(self) -> None:
        """Wake whoever waits for something to arrive. Never switches."""
        flag, self._changed = self._changed, Flag()
        flag.set()

    def wait_until(self, reached: Callable[[], bool], timeout: float) -> bool:
        """Wait, cooperatively, at most `timeout` seconds; False when it was not reached by then."""
        with gevent.Timeout(timeout, False):  # type: ignore[arg-type]  # False: end the block, raise nothing
            while not reached():
                self._changed.wait()
        return reached()

    def hold(self) -> None:
        """Wait, cooperatively and without end, for the next `release`."""
        self.held += 1
        self.changed()
        try:
            self._gate.wait()
        finally:
            self.held -= 1

    def release(self) -> int:
        """Let go of everyone in `hold`; returns how many those were."""
        gate, self._gate = self._gate, Flag()
        gate.set()
        return self.held

    def reset(self) -> None:
        """Forget events, requests and faults, and let go of held answers."""
        self.store.reset()
        self.journal.reset()
        self.faults.replace([])
        self.release()


class Control:
    """Answers the requests under `/_/`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._routes: dict[str, dict[str, Callable[[Mapping[str, Any]], Answer]]] = {
            "events": {"GET": self._events},
            "summary": {"GET": self._summary},
            "requests": {"GET": self._requests},
            "wait": {"GET": self._wait},
            "reset": {"POST": self._reset},
            "faults": {"GET": self._get_faults, "PUT": self._put_faults},
            "release": {"POST": self._release},
        }

    def answer(self, environ: Mapping[str, Any]) -> Answer:
        """The answer to one request; `/_/wait` switches greenlets, the others only while they read a body."""
        methods = self._routes.get(str(environ["PATH_INFO"])[len(PREFIX) :])
        if methods is None:
            return json_answer(404, {"error": f"nothing here; there are {', '.join(self._routes)}"})
        handle = methods.get(str(environ["REQUEST_METHOD"]))
        if handle is None:
            return json_answer(405, {"error": f"only {', '.join(methods)}"}, {"Allow": ", ".join(methods)})
        try:
            return handle(environ)
        except (QueryError, FaultError, orjson.JSONDecodeError) as error:
            return json_answer(400, {"error": str(error)})
        except body.BodyError as error:
            return json_answer(error.status, {"error": str(error)}, close=error.unread)

    def _events(self, environ: Mapping[str, Any]) -> Answer:
        found, total = Query.parse(_parameters(environ)).select(self._state.store)
        return json_answer(200, {"events": [_shown(event) for event in found], "total": total})

    def _summary(self, _environ: Mapping[str, Any]) -> Answer:
        return json_answer(200, {**self._state.store.summary(), "requests": self._state.journal.total})

    def _requests(self, environ: Mapping[str, Any]) -> Answer:
        numbers = _numbers(environ, "limit")
        entries = islice(self._state.journal, int(numbers.get("limit", _DEFAULT_REQUESTS)))
        shown = [entry.as_dict() for entry in entries]
        return json_answer(200, {"requests": shown, "total": self._state.journal.total})

    def _wait(self, environ: Mapping[str, Any]) -> Answer:
        numbers = _numbers(environ, "count", "requests", "held", "timeout")
        timeout = min(numbers.pop("timeout", 10.0), MAX_WAIT)
        reached = self._state.wait_until(lambda: _reached(self._counts(), numbers), timeout)
        return json_answer(200, {"reached": reached, **self._counts()})

    def _counts(self) -> dict[str, int]:
        state = self._state
        return {"count": state.store.distinct, "requests": state.journal.total, "held": state.held}

    def _reset(self, _environ: Mapping[str, Any]) -> Answer:
        self._state.reset()
        return Answer(204)

    def _get_faults(self, _environ: Mapping[str, Any]) -> Answer:
        return json_answer(200, [fault.as_dict() for fault in self._state.faults])

    def _put_faults(self, environ: Mapping[str, Any]) -> Answer:
        faults = parse_faults(orjson.loads(body.read(environ["wsgi.input"], limit=_BODY_LIMIT)))
        self._state.faults.replace(faults)
        return json_answer(200, {"waiting": len(faults)})

    def _release(self, _environ: Mapping[str, Any]) -> Answer:
        return json_answer(200, {"released": self._state.release()})


def _shown(event: Event) -> dict[str, object]:
    return {
        "message": orjson.Fragment(event.message),
        "valid": event.valid,
        "problems": event.problems,
        "duplicate": event.duplicate,
        "receivedAt": timestamp(event.received_at),
        "batch": event.batch,
    }


def _reached(counts: Mapping[str, int], asked: Mapping[str, float]) -> bool:
    return all(counts[name] >= number for name, number in asked.items())


def _parameters(environ: Mapping[str, Any]) -> dict[str, str]:
    return dict(parse_qsl(str(environ.get("QUERY_STRING", "")), keep_blank_values=True))


def _numbers(environ: Mapping[str, Any], *names: str) -> dict[str, float]:
    numbers = {}
    for name, text in _parameters(environ).items():
        if name not in names:
            raise QueryError(f"unknown parameter {name!r}; known are {', '.join(names)}")
        try:
            numbers[name] = float(text)
        except ValueError:
            raise QueryError(f"{name} is a number, not {text!r}") from None
        if not 0 <= numbers[name] < float("inf"):
            raise QueryError(f"{name} is a number from 0 on, not {text!r}")
    return numbers
