"""What the tests of the spool share: clients with one, a disk that hangs, and what is on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import orjson
import pytest

from segment_gevent import Client
from segment_gevent.delivery.spool import inventory
from segment_gevent.delivery.spool.disk import Disk
from segment_gevent.testing import RecordingTransport, ScriptedTransport, Sent

MakeClient = Callable[..., Client]
LONG = 3_600
SOON = 30.0
KILOBYTES_20 = "x" * 20_000
"""Twenty-four messages with as much text fill a batch."""


def until(condition: Callable[[], object]) -> None:
    """Let the others run until the condition holds."""
    with gevent.Timeout(SOON, AssertionError("it never came to hold")):
        while not condition():
            gevent.sleep(0.001)


def track(client: Client, *events: str, **properties: object) -> None:
    for event in events:
        assert client.track("s", event=event, properties=properties)


def events(sent: Sent) -> list[str]:
    return [message["event"] for message in sent.messages]


def ids(transport: RecordingTransport) -> list[str]:
    return [message["messageId"] for message in transport.messages]


def on_disk(directory: Path) -> list[str]:
    """The events of all messages on disk, held or not."""
    return [orjson.loads(message.body)["event"] for message in inventory.messages(directory)]


def replayed(client: Client, messages: int) -> Callable[[], bool]:
    """Have the client look into its spool, until so many messages came from there."""

    def look() -> bool:
        client.look()
        return client.stats.replayed >= messages

    return look


def turn_of_the_disk(condition: Callable[[], object]) -> None:
    """Have the disk work, and the hub wait, until the condition holds, and for a turn more."""

    def wait() -> None:
        while not condition():
            Disk().run(lambda: None)
        for _ in range(10):
            Disk().run(lambda: None)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(SOON)
    assert not thread.is_alive()


def check(client: Client, **counts: int) -> None:
    """The counts are these, and every call has one fate."""
    stats = client.stats
    assert {name: getattr(stats, name) for name in counts} == counts
    assert stats.submitted == stats.delivered + stats.failed + stats.dropped + stats.spooled + stats.pending
    assert min(stats.delivered, stats.failed, stats.dropped, stats.spooled, stats.pending) >= 0


def lines(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if words in record.getMessage()]


def leave(make: MakeClient, *names: str, **options: Any) -> None:
    """An earlier client's messages, which its shutdown left on disk."""
    client = make(transport=ScriptedTransport(*[503] * 10), **options)
    track(client, *names)
    assert client.shutdown() is False
    assert client.stats.spooled == len(names)


@contextmanager
def hanging_disk() -> Iterator[threading.Event]:
    """While it lasts, or until the event that it gives is set, the disk does nothing for anybody in this process."""
    disk, began, go_on = Disk(), threading.Event(), threading.Event()

    def hang() -> None:
        began.set()
        go_on.wait()

    hanging = gevent.spawn(disk.run, hang, timeout=LONG)
    gevent.sleep(0)
    assert began.wait(SOON)
    try:
        yield go_on
    finally:
        go_on.set()
        hanging.get(timeout=SOON)
        disk.close()
