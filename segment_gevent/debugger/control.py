"""The local Segment's own API, under `/_/`: what arrived, and what shall go wrong. Its table of routes is `_table`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import orjson

from segment_gevent.debugger import body, openapi, stream, visitor
from segment_gevent.debugger.answer import Answer, json_answer
from segment_gevent.debugger.database import Database, Kept
from segment_gevent.debugger.faults import Fault, FaultError, parse_faults
from segment_gevent.debugger.query import DEFAULT_LIMIT, Query, QueryError, check_names, whole
from segment_gevent.debugger.routes import EVENT_STREAM, Route, by_path
from segment_gevent.debugger.schemas import FILTERS, ID, LIMIT, NUMBER, OFFSET, UNTIL, UPTO
from segment_gevent.debugger.shown import shown
from segment_gevent.debugger.state import MAX_WAIT, State
from segment_gevent.version import __version__

PREFIX = "/_/"
_BODY_LIMIT = 1024 * 1024


class Control:
    """Answers the requests under `/_/`. `about` is how the server was started, for who asks."""

    def __init__(self, state: State, about: Mapping[str, object]) -> None:
        self._state = state
        self._about_start = dict(about)
        table = self._table()
        self._routes = by_path(table)
        self._description = openapi.describe(PREFIX, table)

    def _table(self) -> list[Route]:
        found = (LIMIT, OFFSET)
        return [
            Route("GET", "events", self._events, "The events, newest first.", "Events", FILTERS),
            Route(
                "GET", "stream", self._stream, "What arrives, as it arrives.", None, FILTERS, media_type=EVENT_STREAM
            ),
            Route("GET", "summary", self._summary, "Counts since the last reset.", "Summary"),
            Route("GET", "names", self._names, "The names of events, with their properties.", "Names"),
            Route("GET", "user", self._user, "One person's events, under all their ids.", "Person", (ID, *found)),
            Route("GET", "requests", self._requests, "The requests, newest first.", "Requests", (*found, NUMBER, UPTO)),
            Route("GET", "wait", self._wait, "Answers when so much has come, or late.", "Waited", UNTIL),
            Route("GET", "about", self._about, "What this server is, and how it was started.", "About"),
            Route("GET", "openapi.json", self._openapi, "This description.", "Description"),
            Route("GET", "faults", self._get_faults, "The answers to come that go wrong.", "Faults"),
            Route("PUT", "faults", self._put_faults, "These go wrong, and no others.", "Waiting", body="Faults"),
            Route("POST", "faults", self._add_faults, "These go wrong too, later.", "Waiting", body="Faults"),
            Route("DELETE", "faults", self._delete_faults, "All goes well again."),
            Route("POST", "release", self._release, "Lets go of the answers that a fault holds.", "Released"),
            Route("POST", "reset", self._reset, "Forgets everything, faults included."),
        ]

    def answer(self, environ: Mapping[str, Any]) -> Answer:
        """The answer to one request. Switches greenlets while it reads a body, asks the store, or waits."""
        methods = self._routes.get(str(environ["PATH_INFO"])[len(PREFIX) :])
        if methods is None:
            return json_answer(404, {"error": f"nothing here; there are {', '.join(self._routes)}"})
        route = methods.get(str(environ["REQUEST_METHOD"]))
        if route is None:
            return json_answer(405, {"error": f"only {', '.join(methods)}"}, {"Allow": ", ".join(methods)})
        try:
            return route.handle(environ)
        except (QueryError, FaultError, orjson.JSONDecodeError) as error:
            return json_answer(400, {"error": str(error)})
        except body.BodyError as error:
            return json_answer(error.status, {"error": str(error)}, close=error.unread)

    def _events(self, environ: Mapping[str, Any]) -> Answer:
        found, total = self._state.store.ask(_found, Query.parse(_parameters(environ)))
        return json_answer(200, {"events": [shown(event) for event in found], "total": total})

    def _stream(self, environ: Mapping[str, Any]) -> Answer:
        frames = stream.frames(self._state, Query.parse(_parameters(environ)))
        return Answer(200, headers={"Content-Type": EVENT_STREAM, "Cache-Control": "no-store"}, stream=frames)

    def _summary(self, _environ: Mapping[str, Any]) -> Answer:
        return json_answer(200, {**self._state.store.counts.summary(), "requests": self._state.journal.total})

    def _names(self, _environ: Mapping[str, Any]) -> Answer:
        return json_answer(200, {"names": [name.as_dict() for name in self._state.store.counts.catalogue]})

    def _user(self, environ: Mapping[str, Any]) -> Answer:
        parameters = _parameters(environ)
        user = parameters.pop("id", "")
        if not user:
            raise QueryError("id is missing")
        check_names(parameters, ("limit", "offset"))
        limit, offset = _slice(_numbers(parameters))
        ids, found, total = self._state.store.ask(visitor.path, user, limit, offset)
        return json_answer(200, {"ids": ids, "events": [shown(event) for event in found], "total": total})

    def _requests(self, environ: Mapping[str, Any]) -> Answer:
        parameters = _parameters(environ)
        check_names(parameters, ("limit", "offset", "number", "upto"))
        numbers = _numbers(parameters)
        limit, offset = _slice(numbers)
        journal = self._state.journal
        wanted, upto = numbers.get("number"), numbers.get("upto", journal.total)
        entries = (entry for entry in journal if entry.number <= upto and wanted in (None, entry.number))
        found = [entry.as_dict() for entry in islice(islice(entries, offset, None), limit)]
        return json_answer(200, {"requests": found, "total": journal.total, "kept": len(journal)})

    def _about(self, _environ: Mapping[str, Any]) -> Answer:
        store = self._state.store
        kept = {"db": store.path, "capacity": store.max_events, "writable": True}
        return json_answer(200, {"version": __version__, **self._about_start, **kept})

    def _openapi(self, _environ: Mapping[str, Any]) -> Answer:
        return json_answer(200, self._description)

    def _wait(self, environ: Mapping[str, Any]) -> Answer:
        parameters = _parameters(environ)
        check_names(parameters, ("count", "requests", "held", "timeout"))
        timeout = min(_seconds("timeout", parameters.pop("timeout", "10")), MAX_WAIT)
        numbers = _numbers(parameters)
        reached = self._state.wait_until(lambda: _reached(self._counts(), numbers), timeout)
        return json_answer(200, {"reached": reached, **self._counts()})

    def _counts(self) -> dict[str, int]:
        state = self._state
        return {"count": state.store.counts.distinct, "requests": state.journal.total, "held": state.held}

    def _reset(self, _environ: Mapping[str, Any]) -> Answer:
        self._state.reset()
        return Answer(204)

    def _get_faults(self, _environ: Mapping[str, Any]) -> Answer:
        return json_answer(200, [fault.as_dict() for fault in self._state.faults])

    def _put_faults(self, environ: Mapping[str, Any]) -> Answer:
        faults = _read_faults(environ)
        self._state.faults.replace(faults)
        return self._faults_changed()

    def _add_faults(self, environ: Mapping[str, Any]) -> Answer:
        faults = _read_faults(environ)
        self._state.faults.add(faults)
        return self._faults_changed()

    def _delete_faults(self, _environ: Mapping[str, Any]) -> Answer:
        self._state.faults.replace([])
        self._state.changed()
        return Answer(204)

    def _faults_changed(self) -> Answer:
        self._state.changed()
        return json_answer(200, {"waiting": len(self._state.faults)})

    def _release(self, _environ: Mapping[str, Any]) -> Answer:
        return json_answer(200, {"released": self._state.release()})


def _found(database: Database, query: Query) -> tuple[list[Kept], int]:
    wanted = query.filter()
    found = database.select(wanted, query.limit, query.offset, oldest_first=query.oldest_first)
    return found, database.count(wanted)


def _read_faults(environ: Mapping[str, Any]) -> list[Fault]:
    return parse_faults(orjson.loads(body.read(environ["wsgi.input"], limit=_BODY_LIMIT)))


def _reached(counts: Mapping[str, int], asked: Mapping[str, int]) -> bool:
    return all(counts[name] >= number for name, number in asked.items())


def _parameters(environ: Mapping[str, Any]) -> dict[str, str]:
    return dict(parse_qsl(str(environ.get("QUERY_STRING", "")), keep_blank_values=True))


def _numbers(parameters: Mapping[str, str]) -> dict[str, int]:
    return {name: whole(name, text) for name, text in parameters.items()}


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise QueryError(f"{name} is a number, not {text!r}") from None
    if not 0 <= seconds < float("inf"):
        raise QueryError(f"{name} is a number from 0 on, not {text!r}")
    return seconds


def _slice(numbers: Mapping[str, int]) -> tuple[int, int]:
    """The limit and the offset."""
    return numbers.get("limit", DEFAULT_LIMIT), numbers.get("offset", 0)
