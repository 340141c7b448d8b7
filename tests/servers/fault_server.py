"""A server, in a process of its own, that does to each batch what the batch's messages ask for: a script of faults.

A message of event "Fault" names its fault in `properties.fault`; the script says what that is, piece by piece:

    {"truncated": {"takes": true, "answer": ["HTTP/1.1 200 OK\\r\\nContent-Length: 99\\r\\n\\r\\n{"], "then": "close"}}

    takes    whether the batch's messages have arrived
    answer   what goes on the wire, `pause` seconds before each piece; @DATE@ is the time, @LATER@ 2 s after it
    then     keep (read on), close, reset, silence (nothing any more, the connection left open), away (nobody listens
             for `away` seconds), unaccepted (as keep, but the next connection is reset at once)
    times    how often a message meets it, once if left out; what met it so often is answered well
    only     {"n": [..]}: only batches with one of these messages meet it; {"many": true}: only those of several
    final    whether it is the last word: on a "batch", or only on a "single" message

A batch of messages with different faults is answered 413, so that the client takes it apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import gevent
import orjson
from gevent.event import Event
from gevent.pywsgi import WSGIServer
from gevent.server import StreamServer
from gevent.ssl import PROTOCOL_TLS_SERVER, SSLContext
from servers.http_wire import Peer
from servers.ports import hold
from servers.program import ROOT, TESTS

from segment_gevent.debugger.process import start_module, stop_process
from segment_gevent.debugger.server import stop_at_end_of
from segment_gevent.events.problems import problems

OK = ["HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n", '{"success": true}']
MIXED = ["HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n"]


class FaultServer:
    """Runs this module; a context manager.

    `url` is where batches go, `other` a second address for who wants to share no listener, `tls` those that have the
    certificates given.
    """

    def __init__(
        self, script: Mapping[str, Mapping[str, Any]], *, certificates: Mapping[str, str] | None = None
    ) -> None:
        self._arguments = [json.dumps(script), json.dumps(dict(certificates or {}))]

    def __enter__(self) -> FaultServer:
        self._process: subprocess.Popen[str] = start_module(
            "servers.fault_server", *self._arguments, environment={"PYTHONPATH": f"{ROOT}:{TESTS}"}
        )
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        self.url, self.other, self.tls, self._control = told["url"], told["other"], told["tls"], told["control"]
        return self

    def __exit__(self, *_error: object) -> None:
        stop_process(self._process)

    def wait_settled(self, messages: int, timeout: float) -> None:
        """Wait until so many messages have arrived or were refused for good.

        Raises:
            AssertionError: that takes longer than `timeout` seconds.
        """
        told = self._ask(f"/settled?{messages}&{timeout}", timeout + 10)
        assert told["settled"] >= messages, f"{told} of {messages} are settled"

    def log(self) -> list[dict[str, Any]]:
        """The batches as they came: `{"fault", "messages", "taken", "seconds", "retry", "problems"}` each.

        A message is `[who, fault, n, messageId]`; `seconds` is what passed from the batch's last byte to the answer's.
        """
        entries: list[dict[str, Any]] = self._ask("/log", 30)
        return entries

    def _ask(self, path: str, timeout: float) -> Any:
        with urllib.request.urlopen(self._control + path, timeout=timeout) as answer:
            return json.loads(answer.read())


class Faults:
    """The script, and what has become of it."""

    def __init__(self, script: dict[str, dict[str, Any]]) -> None:
        self.log: list[dict[str, Any]] = []
        self.settled: set[str] = set()
        self.changed = Event()
        self._script = script
        self._met: Counter[tuple[str, str]] = Counter()

    def next(self, batch: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
        """What happens to the batch, and by what name."""
        due = {self._due(message, batch) for message in batch}
        if len(due) > 1:
            return "mixed", {"answer": MIXED}
        name = due.pop()
        for message in batch:
            self._met[message["messageId"], name] += 1
        return name, self._script.get(name, {"takes": True, "answer": OK})

    def _due(self, message: dict[str, Any], batch: list[dict[str, Any]]) -> str:
        name = message["properties"]["fault"]
        fault = self._script.get(name, {"times": 0})
        only = fault.get("only", {})
        is_meant = len(batch) > 1 if "many" in only else True
        if "n" in only:
            is_meant = any(m["properties"]["n"] in only["n"] and m["properties"]["fault"] == name for m in batch)
        is_due = self._met[message["messageId"], name] < fault.get("times", 1)
        return name if is_meant and is_due else ""

    def note(self, name: str, fault: dict[str, Any], batch: list[dict[str, Any]], retry: str) -> dict[str, Any]:
        entry = {
            "fault": name,
            "messages": [[m["userId"], m["properties"]["fault"], m["properties"]["n"], m["messageId"]] for m in batch],
            "taken": fault.get("takes", False),
            "seconds": None,
            "retry": int(retry or 0),
            "problems": [problem for message in batch for problem in problems(message)],
        }
        self.log.append(entry)
        final = fault.get("final")
        if entry["taken"] or final == "batch" or (final == "single" and len(batch) == 1):
            self.settled.update(message["messageId"] for message in batch)
        self.changed.set()
        return entry


class Listener:
    """Accepts connections for the faults, and goes away for a while when told to."""

    def __init__(self, faults: Faults, tls: SSLContext | None = None) -> None:
        self._faults = faults
        self._options = {"ssl_context": tls} if tls else {}
        self._is_unaccepting = False
        self._idle: set[Peer] = set()
        self._silent: list[Peer] = []  # held, or their sockets would be closed
        self._server = self._listen(0)
        self.port = self._server.server_port

    def _listen(self, port: int) -> Any:
        server = _Quiet(("127.0.0.1", port), self._serve, **self._options)
        server.start()
        return server

    def _serve(self, sock: Any, _address: object) -> None:
        peer = Peer(sock, 0, [])
        if self._is_unaccepting:
            self._is_unaccepting = False
            peer.reset()
            return
        while True:
            self._idle.add(peer)
            request = peer.request()
            self._idle.discard(peer)
            if request is None:
                return
            began = time.monotonic()
            batch = orjson.loads(request.body)["batch"]
            name, fault = self._faults.next(batch)
            entry = self._faults.note(name, fault, batch, request.headers.get("x-retry-count", ""))
            try:
                for piece in fault["answer"]:
                    gevent.sleep(fault.get("pause", 0))
                    peer.sock.sendall(_dated(piece).encode("latin-1"))
            except OSError:
                return
            entry["seconds"] = time.monotonic() - began
            if not self._goes_on(peer, fault):
                return

    def _goes_on(self, peer: Peer, fault: dict[str, Any]) -> bool:
        then = fault.get("then", "keep")
        if then == "reset":
            peer.reset()
        elif then == "silence":
            self._silent.append(peer)
            Event().wait()
        elif then == "away":
            self._server.close()
            hold(self.port)
            gevent.spawn_later(fault["away"], self._come_back)
            peer.reset()
            for each in list(self._idle):
                each.sock.close()  # a reset would take back the answer that it may just have got
        elif then == "unaccepted":
            self._is_unaccepting = True
            peer.sock.close()
        return bool(then == "keep")

    def _come_back(self) -> None:
        self._server = self._listen(self.port)


class _Quiet(StreamServer):  # type: ignore[misc]
    """Says nothing of clients that do not like a certificate."""

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> Any:
        try:
            return super().wrap_socket_and_handle(client_socket, address)
        except OSError:
            return None


def _dated(piece: str) -> str:
    now = time.time()
    return piece.replace("@DATE@", formatdate(now, usegmt=True)).replace("@LATER@", formatdate(now + 2, usegmt=True))


def _control(faults: Faults) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        if environ["PATH_INFO"] == "/log":
            return [orjson.dumps(faults.log)]
        count, timeout = environ["QUERY_STRING"].split("&")
        with gevent.Timeout(float(timeout), False):
            while len(faults.settled) < int(count):
                faults.changed.wait()
                faults.changed.clear()
        return [orjson.dumps({"settled": len(faults.settled)})]

    return application


def main() -> None:
    script, certificates = (json.loads(argument) for argument in sys.argv[-2:])
    faults = Faults(script)
    ports = [Listener(faults).port for _ in range(2)]
    tls = {}
    for name, path in certificates.items():
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        tls[name] = f"https://127.0.0.1:{Listener(faults, context).port}"
    control = WSGIServer(("127.0.0.1", 0), _control(faults), log=None, environ={"SERVER_NAME": "control"})
    control.start()
    over = Event()
    stop_at_end_of(0, over.set)
    url, other, control_url = (f"http://127.0.0.1:{port}" for port in [*ports, control.server_port])
    told = {"url": url, "other": other, "tls": tls, "control": control_url}
    print(json.dumps(told), flush=True)
    over.wait()


if __name__ == "__main__":
    main()
