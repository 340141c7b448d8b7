"""What the local Segment takes in, with somebody watching: events a second, how far the watcher is behind, and memory.

    python -m benchmarks.intake [--events 300000] [--batch 100] [--connections 4] [--plan] [--db] [--json]

The server runs as `segment-gevent debugger` does. Senders in a process of their own post batches of orders, each with
an id of its own, over kept-alive connections, as fast as they are answered; a reader holds `/_/stream` open as the page
does. The server's memory is read when it first keeps all the events that it can, and again at the end.
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

from benchmarks.event import NAME, make
from segment_gevent.debugger.connection import Connection
from segment_gevent.debugger.process import LocalSegment
from segment_gevent.debugger.settings import KEEP

_TIME = "2026-11-23T15:19:40.388Z"
_CONTEXT = {"library": {"name": "segment-gevent", "version": "0.1.0"}}
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
class Figures:
    """One run. Times in seconds, memory in MB."""

    events: int
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
    """The server's memory when it first kept all that it can."""
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


def body(first: int, count: int) -> bytes:
    """A batch of `count` orders from number `first` on."""
    made = [(number, make(number)) for number in range(first, first + count)]
    messages = [
        {
            "type": "track",
            "messageId": f"bench-{number}",
            "timestamp": _TIME,
            "userId": each.user,
            "anonymousId": each.session,
            "event": NAME,
            "properties": each.properties,
            "context": _CONTEXT,
        }
        for number, each in made
    ]
    return orjson.dumps({"batch": messages, "sentAt": _TIME, "writeKey": "key"})


def _send(port: int, starts: list[int], batch: int) -> None:
    """Post the batches that start at these numbers, over one connection."""
    with socket.create_connection(("127.0.0.1", port), 60) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in starts:
            data = body(start, batch)
            raw.sendall(_HEAD.format(host=f"127.0.0.1:{port}", size=len(data)).encode() + data)
            answer = b""
            while not answer.endswith(b"}"):
                answer += raw.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200"), answer


def _sender(port: int, events: int, batch: int, connections: int) -> None:
    starts = list(range(0, events, batch))
    threads = [threading.Thread(target=_send, args=(port, starts[n::connections], batch)) for n in range(connections)]
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


def measure(events: int, batch: int, connections: int, **options: Any) -> Figures:
    """Send so many events to a server of its own, and see how it fares."""
    with LocalSegment(strict=False, **options) as server, Connection(server.url) as control:
        pid = server.pid
        watcher = Watcher(server.port, events)
        watcher.start()
        watcher.listening.wait(60)
        context = multiprocessing.get_context("spawn")
        sender = context.Process(target=_sender, args=(server.port, events, batch, connections))
        full, used = 0.0, processor(pid)
        sender.start()
        control.request("GET", "/_/wait?requests=1&timeout=60")
        began = time.monotonic()  # from the first batch on: the process took its time to start
        while sender.is_alive() and not full:
            _, answer = control.request("GET", f"/_/wait?count={min(events, KEEP)}&timeout=60")
            full = resident(pid) if orjson.loads(answer)["reached"] else 0.0
        sender.join()
        ended = time.monotonic()
        watcher.join(60)
        assert not watcher.is_alive(), "the watcher never saw the last event"
        assert server.summary()["valid"] == events, server.summary()
        times = [each for each in watcher.times if began <= each <= ended]
        gaps = [after - before for before, after in itertools.pairwise(times)]
        return Figures(
            events,
            ended - began,
            (events - batch) / (ended - began),
            (processor(pid) - used) / events * 1e6,
            len(watcher.times),
            max(0.0, watcher.times[-1] - ended),
            max(gaps, default=0.0),
            full,
            resident(pid),
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intake")
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--plan", action="store_true", help="hold the events against a tracking plan")
    parser.add_argument("--db", action="store_true", help="keep them in a file")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {}
        if arguments.db:
            options["db"] = Path(folder) / "events.db"
        if arguments.plan:
            options["plan"] = Path(folder) / "plan.json"
            options["plan"].write_text(json.dumps(_PLAN))
        events = arguments.events - arguments.events % arguments.batch
        figures = measure(events, arguments.batch, arguments.connections, **options)
    if arguments.json:
        json.dump(asdict(figures), sys.stdout)
        return
    print(f"{figures.events:,} events in {figures.seconds:.1f} s: {figures.rate:,.0f} a second, ", end="")
    print(f"{figures.cpu:.0f} µs of CPU each")
    print(f"the watcher: {figures.frames} frames, {figures.behind:.2f} s behind at the end, ", end="")
    print(f"at most {figures.longest_gap:.2f} s apart")
    print(f"the server's memory: {figures.full_mb:.0f} MB at {KEEP:,} events, {figures.end_mb:.0f} MB at the end")


if __name__ == "__main__":
    main()
