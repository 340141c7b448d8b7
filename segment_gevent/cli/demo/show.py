"""The demo while it happens: visitors come, troubles come and go, and somebody looks on and makes the report."""

from __future__ import annotations

import time
from typing import Any

import gevent
import orjson
from rich.console import Console

from segment_gevent.cli.demo.passage import Counts
from segment_gevent.cli.demo.plan import Plan
from segment_gevent.cli.demo.report import Report
from segment_gevent.cli.demo.screen import Screen
from segment_gevent.cli.demo.troubles import Weather, troubles
from segment_gevent.cli.demo.visitors import Visitors
from segment_gevent.debugger.connection import Connection
from segment_gevent.debugger.process import LocalSegment

_REDRAW = 0.1
# The shop's flush waits 30 seconds at most; its answer comes then at the latest.
_RESULT_TIMEOUT = 60.0


class Show:
    """A demo at the shop at `url`. A context manager, at whose end nobody visits any more.

    With a `local` Segment there are troubles, and it counts what arrived; a real server is spared them, and the
    client's own counts serve.
    """

    def __init__(self, plan: Plan, url: str, local: LocalSegment | None, console: Console) -> None:
        self._url = url
        self._local = local
        self._weather = None if local is None else Weather(local, troubles(plan.seconds))
        self._screen = Screen(console)
        self._connection = Connection(url)
        self._began = time.monotonic()
        self._visitors = Visitors(url, plan.visitors, plan.seconds)

    def __enter__(self) -> Show:
        return self

    def __exit__(self, *_error: object) -> None:
        self._visitors.stop()
        self._connection.close()

    def play(self) -> Report:
        """Look on until all have left and all is delivered. Cooperative.

        Raises:
            OSError, http.client.HTTPException: one of the other processes is gone.
        """
        with self._screen:
            while not (self._visitors.are_gone and (self._weather is None or self._weather.is_over)):
                gevent.sleep(_REDRAW)
                self._look()
            seconds = self._elapsed
            result = gevent.spawn(self._result)
            while not result.ready():
                result.join(timeout=_REDRAW)
                self._look()
        return self._report(seconds, result.get())

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _look(self) -> None:
        told = orjson.loads(self._connection.request("GET", "/_/counts")[1])
        for line in told["log"]:
            self._screen.say(self._elapsed, f"the log: {line}")
        counts = Counts.of(told)
        trouble = ""
        if self._weather is not None:
            for words in self._weather.turn(self._elapsed, counts):
                self._screen.say(self._elapsed, words)
            trouble = self._weather.words
        self._screen.show(self._visitors, counts, trouble)

    def _result(self) -> dict[str, Any]:
        with Connection(self._url, timeout=_RESULT_TIMEOUT) as connection:
            result: dict[str, Any] = orjson.loads(connection.request("GET", "/_/result")[1])
        return result

    def _report(self, seconds: float, result: dict[str, Any]) -> Report:
        """Put together what the shop measured and, of a local Segment, what it counted."""
        summary = None if self._local is None else self._local.summary()
        return Report(
            visitors=self._visitors.left,
            most=self._visitors.most,
            requests=self._visitors.answered + self._visitors.failed,
            failed_requests=self._visitors.failed,
            seconds=seconds,
            calls=result["calls"],
            by_type={name: result[name] for name in ("pages", "tracks", "identifies", "groups", "aliases")},
            arrived=result["delivered"] if summary is None else summary["valid"] - summary["duplicates"],
            duplicates=None if summary is None else summary["duplicates"],
            invalid=None if summary is None else summary["invalid"],
            batches=result["batches"],
            retries=result["retries"],
            bytes_sent=result["bytes_sent"],
            passages=self._passages(),
            call_median_ns=result["call_median_ns"],
            call_99th_ns=result["call_99th_ns"],
            stall_ns=result["stall_ns"],
        )

    def _passages(self) -> list[str]:
        if self._weather is None or self._local is None:
            return []
        return self._weather.lines(self._local.requests())
