"""A sink, in a process of its own, that remembers of each message only its id and its number: a million of them fit.

The local Segment checks each message, and keeps 100,000; this one takes what an import can send. A message's number is
its `properties.n`.
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from typing import Any, NamedTuple

import gevent
import orjson
from gevent.event import Event
from gevent.pywsgi import WSGIServer
from gevent.server import StreamServer
from servers.http_wire import OK, Peer
from servers.program import ROOT, TESTS

from segment_gevent.debugger.process import start_module, stop_process
from segment_gevent.debugger.server import stop_at_end_of


class Counted(NamedTuple):
    """What arrived.

    Attributes:
        total: messages, repeats included.
        ids: different messageIds.
        numbers: different numbers.
        strays: messages whose id came before with another number.
    """

    total: int
    ids: int
    numbers: int
    strays: int


class CountingSink:
    """Runs this module; a context manager. `url` is where to send to."""

    def __enter__(self) -> CountingSink:
        self._process: subprocess.Popen[str] = start_module(
            "servers.counting_sink", environment={"PYTHONPATH": f"{ROOT}:{TESTS}"}
        )
        assert self._process.stdout is not None
        self.url, self._control = json.loads(self._process.stdout.readline())
        return self

    def __exit__(self, *_error: object) -> None:
        stop_process(self._process)

    def counted(self) -> Counted:
        return self._ask(0, 0.0)

    def wait_for(self, ids: int, *, timeout: float) -> None:
        """Wait until so many different messageIds have come.

        Raises:
            AssertionError: that takes longer than `timeout` seconds.
        """
        counted = self._ask(ids, timeout)
        assert counted.ids >= ids, f"{counted} of {ids} after {timeout:g} s"

    def _ask(self, ids: int, timeout: float) -> Counted:
        with urllib.request.urlopen(f"{self._control}/?{ids}&{timeout}", timeout=timeout + 30) as answer:
            return Counted(*json.loads(answer.read()))


class Seen:
    """The ids with their numbers."""

    def __init__(self) -> None:
        self.changed = Event()
        self._numbers: dict[str, int] = {}
        self._total = 0
        self._strays = 0

    @property
    def ids(self) -> int:
        return len(self._numbers)

    def add(self, batch: list[dict[str, Any]]) -> None:
        self._total += len(batch)
        for message in batch:
            number = message["properties"]["n"]
            self._strays += self._numbers.setdefault(message["messageId"], number) != number
        self.changed.set()

    def counted(self) -> Counted:
        return Counted(self._total, self.ids, len(set(self._numbers.values())), self._strays)


def _serve(seen: Seen) -> Any:
    def serve(sock: Any, _address: object) -> None:
        peer = Peer(sock, 0, requests := [])
        while request := peer.request():
            requests.clear()
            seen.add(orjson.loads(request.body)["batch"])
            try:
                sock.sendall(OK)
            except OSError:
                return

    return serve


def _control(seen: Seen) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        ids, timeout = environ["QUERY_STRING"].split("&")
        with gevent.Timeout(float(timeout), False):
            while seen.ids < int(ids):
                seen.changed.clear()
                seen.changed.wait()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [orjson.dumps([*seen.counted()])]

    return application


def main() -> None:
    seen = Seen()
    server = StreamServer(("127.0.0.1", 0), _serve(seen))
    control = WSGIServer(("127.0.0.1", 0), _control(seen), log=None, environ={"SERVER_NAME": "control"})
    over = Event()
    for each in (server, control):
        each.start()
    stop_at_end_of(0, over.set)
    print(json.dumps([f"http://127.0.0.1:{each.server_port}" for each in (server, control)]), flush=True)
    over.wait()


if __name__ == "__main__":
    main()
