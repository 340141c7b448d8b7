"""The local Segment as a WSGI application: it takes Segment's calls at any prefix, and `/_/` tells what came.

It needs one thing beside WSGI, `environ[HANG_UP]`, which `server.py` provides: a function that ends the connection.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterable
from typing import Any

import gevent

from segment_gevent.debugger import body, cors, intake, static
from segment_gevent.debugger.answer import Answer, json_answer
from segment_gevent.debugger.control import PREFIX, Control
from segment_gevent.debugger.faults import Fault
from segment_gevent.debugger.guard import Guard
from segment_gevent.debugger.journal import Entry
from segment_gevent.debugger.state import State
from segment_gevent.debugger.store import EventStore

HANG_UP = "segment_gevent.hang_up"
_TAKEN = {"success": True}
_ABOUT = {"name": "segment-gevent", "events": "/_/events", "summary": "/_/summary", "api": "/_/openapi.json"}


class HungUpError(ConnectionResetError):
    """Ends a request without an answer. pywsgi takes it for a client that went away, and so says nothing."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "hung up on demand")


class App:
    """The WSGI application. `strict` refuses, with 400 and the reasons, what the official libraries would not send, and
    what breaks the `plan`."""

    def __init__(
        self,
        store: EventStore,
        *,
        strict: bool = False,
        plan: intake.Plan | None = None,
        guard: Guard,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.state = State(store)
        self._guard = guard
        self._files = static.Files()
        self._strict = strict
        self._plan = plan
        self._clock = clock
        self._control = Control(self.state, {"strict": strict, "plan": plan is not None})

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """One request. Switches greenlets while it reads the body, and while a fault delays or holds the answer."""
        path = environ["PATH_INFO"]
        if path == "/" or path.startswith(PREFIX):
            answer = self._guard.answer(environ) or self._own(path, environ)
        else:
            answer = self._call(environ)
        write = start_response(answer.status_line, answer.header_list())
        if answer.close:
            # More of the body may be on its way without end: answer now, then hang up instead of reading on.
            write(answer.body)
            environ[HANG_UP](linger=True)
            raise HungUpError
        return [answer.body] if answer.stream is None else answer.stream

    def _own(self, path: str, environ: dict[str, Any]) -> Answer:
        if path == "/":
            accepted = environ.get("HTTP_ACCEPT", "")
            as_page = "json" not in accepted or "html" in accepted
            return (as_page and self._files.answer(environ)) or json_answer(200, _ABOUT)
        if path.startswith(static.PREFIX):
            return self._files.answer(environ) or json_answer(404, {"error": "the page has no such file"})
        return self._control.answer(environ)

    def _call(self, environ: dict[str, Any]) -> Answer:
        method, call = environ["REQUEST_METHOD"], intake.endpoint(environ["PATH_INFO"])
        if method == "OPTIONS" and call is not None:
            return Answer(204, headers=cors.preflight(environ))
        entry = self.state.journal.open(environ, self._clock())
        try:
            if call is None:
                answer = _refusal(404, ["Segment has no such path"])
            elif method != "POST":
                answer = _refusal(405, [f"a {call} call is a POST, not {entry.method}"], {"Allow": "POST"})
            else:
                answer = self._post(call, environ, entry)
            entry.status = answer.status
        finally:  # also where it gets no answer: a page asks again for what is open
            if entry.duration is None:
                self._end(entry)
        return answer

    def _post(self, call: str, environ: dict[str, Any], entry: Entry) -> Answer:
        fault = self.state.faults.take() or Fault()
        entry.fault = fault.as_dict() or None
        if fault.drop == "before":
            self._drop(environ, entry)
        answer = self._take(call, environ, entry, keep=fault.takes)
        self.state.changed()
        if fault.hold:
            self.state.hold()
        if fault.delay:
            gevent.sleep(fault.delay)
        if fault.drop == "after":
            self._drop(environ, entry)
        if fault.status is not None and answer.status == 200:
            refusal = _refusal(fault.status, ["a fault that was asked for"])
            answer = json_answer(fault.status, _TAKEN, cors.HEADERS) if fault.takes else refusal
        answer.headers.update(fault.headers)
        return answer

    def _take(self, call: str, environ: dict[str, Any], entry: Entry, *, keep: bool) -> Answer:
        """Read, check and, with `keep`, store what the request carries; the answer that it deserves without a fault."""
        try:
            sent = body.read(environ["wsgi.input"])
            entry.size = len(sent)
            data = body.inflate(sent, environ.get("HTTP_CONTENT_ENCODING", "").strip().lower())
            entry.inflated = len(data)
            rules = intake.Rules(self._strict, self._plan)
            taken = intake.take(call, environ, data, rules, now=entry.received_at, number=entry.number)
        except body.BodyError as error:
            entry.problems = [str(error)]
            return _refusal(error.status, entry.problems, close=error.unread)
        except intake.IntakeError as error:
            entry.problems = [str(error)]
            return _refusal(400, entry.problems)
        entry.count = len(taken.events)
        entry.sent_at = taken.sent_at
        entry.retry_count = intake.retry_count(environ) or 0
        entry.problems = taken.all_problems()
        if self._strict and not taken.valid:
            if keep:
                # What was wrong with a refused batch is there to be read; its good messages did not arrive.
                for event in taken.events:
                    if not event.valid:
                        self.state.store.add_refused(event)
            return _refusal(400, entry.problems)
        if keep:
            for event in taken.events:
                self.state.store.add(event)
            self.state.store.keep_up()
        return json_answer(200, _TAKEN, cors.HEADERS)

    def _end(self, entry: Entry) -> None:
        entry.duration = max(0.0, self._clock() - entry.received_at)
        self.state.changed()

    def _drop(self, environ: dict[str, Any], entry: Entry) -> None:
        self._end(entry)
        environ[HANG_UP]()
        raise HungUpError


def _refusal(status: int, problems: list[str], headers: dict[str, str] | None = None, *, close: bool = False) -> Answer:
    value = {"success": False, "error": problems[0], "problems": problems}
    return json_answer(status, value, {**cors.HEADERS, **(headers or {})}, close=close)
