"""What the local Segment takes in, with somebody watching: events a second, how far the watcher is behind, and memory.

    python -m benchmarks.intake [--events 300000] [--batch 100] [--connections 4] [--size N] [--plan] [--db] [--json]

The server runs as `segment-gevent debugger` does. Senders in a process of their own post batches of orders, each with
an id of its own, over kept-alive connections, as fast as they are answered; a reader holds `/_/stream` open as the page
does. The server's memory is read when `--full` events have come, which are as many as it keeps, and again at the end.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import socket
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarks.event import NAME, make, make_sized
from segment_gevent.debugger.connection import Connection
from segment_gevent.debugger.process import LocalSegment
from segment_gevent.debugger.settings import KEEP
from segment_gevent.version import __version__

_TIME = "2026-11-23T15:19:40.388Z"
_CONTEXT = {"library": {"name": "segment-gevent", "version": __version__}}
_HEAD = "POST /v1/batch HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
_PLAN = {
    "events": {
        NAME: {
            "type": "object",
            "properties": {
                "order_id": {"type": "string", "minLength": 12},
                "total": {"type": "number", "minimum": 0},
                "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
                "products": {"type": "array", "items": {"type": "object", "required": ["product_id", "sku"]}},
            },
            "required": ["order_id", "total"],
        }
    }
}


@dataclass(frozen=True)
class Load:
    """What to send: so many events in batches over so many connections; with `size` of so many bytes of properties."""

    events: int
    batch: int = 100
    connections: int = 4
    size: int | None = None

    def starts(self, connection: int) -> list[int]:
        """The numbers that the batches of a connection begin at."""
        return list(range(0, self.events, self.batch))[connection :: self.connections]

    def body(self, first: int) -> bytes:
        """A batch of orders from number `first` on."""
        messages = []
        for number in range(first, min(first + self.batch, self.events)):
            made = make(number) if self.size is None else make_sized(number, self.size)
            message = {"type": "track", "messageId": f"bench-{number}", "timestamp": _TIME, "userId": made.user}
            more = {"anonymousId": made.session, "event": NAME, "properties": made.properties, "context": _CONTEXT}
            messages.append({**message, **more})
        return orjson.dumps({"batch": messages, "sentAt": _TIME, "writeKey": "key"})


@dataclass(frozen=True)
class Figures:
    """One run. Times in seconds, memory in MB."""

    events: int
    """All of them arrived, and were valid."""
    seconds: float
    rate: float
    cpu: float
    """Microseconds of the server's processors, an event: what a busy machine leaves as it is."""
    frames: int
    """How many frames the watcher got."""
    behind: float
    """From the last event's answer to the frame that knows it."""
    longest_gap: float
    """Between two frames while events came."""
    full_mb: float
    """The server's memory when it first kept all that it is to keep."""
    end_mb: float


class Watcher(threading.Thread):
    """Reads `/_/stream` to the event `last`, and notes when each frame came."""

    def __init__(self, port: int, last: int) -> None:
        super().__init__(daemon=True)
        self.times: list[float] = []
        self.listening = threading.Event()
        self._port = port
        self._last = last

    def run(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), 60) as raw, raw.makefile("rb") as file:
            raw.sendall(f"GET /_/stream HTTP/1.0\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode())
            for line in file:
                if line.startswith(b"data: "):
                    self.times.append(time.monotonic())
                    self.listening.set()
                    if orjson.loads(line[6:])["last"] >= self._last:
                        return


def _send(port: int, load: Load, connection: int) -> None:
    """Post the batches of one connection."""
    with socket.create_connection(("127.0.0.1", port), 60) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in load.starts(connection):
            data = load.body(start)
            raw.sendall(_HEAD.format(host=f"127.0.0.1:{port}", size=len(data)).encode() + data)
            answer = b""
            while not answer.endswith(b"}"):
                answer += raw.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200"), answer


def _sender(port: int, load: Load) -> None:
    threads = [threading.Thread(target=_send, args=(port, load, each)) for each in range(load.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def resident(pid: int) -> float:
    """The memory that a process has, in MB."""
    (line,) = (each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def processor(pid: int) -> float:
    """The processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(load: Load, full_at: int, **options: Any) -> Figures:
    """Send the load to a server of its own, and see how it fares.

    Raises:
        AssertionError: an event did not arrive, or the watcher never came to know the last.
    """
    with LocalSegment(strict=False, **options) as server, Connection(server.url) as control:
        watcher = Watcher(server.port, load.events)
        watcher.start()
        watcher.listening.wait(60)
        context = multiprocessing.get_context("spawn")
        sender = context.Process(target=_sender, args=(server.port, load))
        full, used = 0.0, processor(server.pid)
        sender.start()
        control.request("GET", "/_/wait?requests=1&timeout=60")
        began = time.monotonic()  # from the first batch on: the process took its time to start
        while sender.is_alive() and not full:
            _, answer = control.request("GET", f"/_/wait?count={min(load.events, full_at)}&timeout=20")
            full = resident(server.pid) if orjson.loads(answer)["reached"] else 0.0
        sender.join()
        ended = time.monotonic()
        watcher.join(60)
        assert not watcher.is_alive(), "the watcher never came to know the last event"
        assert (server.summary()["valid"], server.summary()["duplicates"]) == (load.events, 0), server.summary()
        times = [each for each in watcher.times if began <= each <= ended]
        return Figures(
            events=load.events,
            seconds=ended - began,
            rate=(load.events - load.batch) / (ended - began),
            cpu=(processor(server.pid) - used) / load.events * 1e6,
            frames=len(watcher.times),
            behind=max(0.0, watcher.times[-1] - ended),
            longest_gap=max((after - before for before, after in itertools.pairwise(times)), default=0.0),
            full_mb=full,
            end_mb=resident(server.pid),
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intake", description="What the local Segment takes in.")
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--size", type=int, help="bytes of each event's properties (default: an order of some 200)")
    parser.add_argument("--keep", type=int, default=KEEP, help="how many events the server keeps")
    parser.add_argument("--full", type=int, help="when to read the memory first (default: once it keeps all it can)")
    parser.add_argument("--plan", action="store_true", help="hold the events against a tracking plan")
    parser.add_argument("--db", action="store_true", help="keep them in a file")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    load = Load(arguments.events, arguments.batch, arguments.connections, arguments.size)
    full_at = arguments.full or arguments.keep
    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {"keep": arguments.keep}
        if arguments.db:
            options["db"] = Path(folder) / "events.db"
        if arguments.plan:
            options["plan"] = Path(folder) / "plan.json"
            options["plan"].write_text(json.dumps(_PLAN))
        figures = measure(load, full_at, **options)
    if arguments.json:
        json.dump(asdict(figures), sys.stdout)
        return
    print(f"{figures.events:,} events in {figures.seconds:.1f} s: {figures.rate:,.0f} a second, ", end="")
    print(f"{figures.cpu:.0f} µs of CPU each")
    print(f"the watcher: {figures.frames} frames, {figures.behind:.2f} s behind at the end, ", end="")
    print(f"at most {figures.longest_gap:.2f} s apart")
    print(f"the server's memory: {figures.full_mb:.0f} MB at {full_at:,} events, {figures.end_mb:.0f} MB at the end")


if __name__ == "__main__":
    main()
