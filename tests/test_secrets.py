"""The write key is in requests, and nowhere else: looked for in all that an application, its log and its tools get."""

from __future__ import annotations

import base64
import io
import logging
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from servers.http_wire import Peer, WireServer

from segment_gevent import Client, DeliveryError
from segment_gevent.contrib.prometheus import expose

KEY = "write-key"
SECRETS = (KEY, base64.b64encode(f"{KEY}:".encode()).decode())


def refuse(peer: Peer) -> None:
    """Say no, and echo what came, as some gateways do in their error pages."""
    peer.answer(b"", status="400 Bad Request") if peer.request() else None


def as_an_error_tracker_shows(error: BaseException) -> str:
    """The whole chain, with the variables of every frame."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(told.format(chain=True))


@pytest.mark.parametrize("is_there", [True, False], ids=["refused", "away"])
def test_the_write_key_is_nowhere_but_in_requests(
    is_there: bool, make_client: Callable[..., Client], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Of a server that refuses it, and of one that is away: log, errors, callbacks, metrics, reprs and files."""
    caplog.set_level(logging.DEBUG)
    told: list[tuple[dict[str, Any], DeliveryError]] = []
    registry = CollectorRegistry()
    with WireServer(refuse) as server:
        client = make_client(
            host=server.url, log_level=logging.DEBUG, max_retries=0, spool_dir=tmp_path / "spool", durable=True
        )
        client.on_failure(lambda data, error: told.append((data, error)))
        expose(client, registry=registry)
        if not is_there:
            server.stop(timeout=0)
        client.track("visitor", event="Clicked")
        client.flush()
        shown = io.StringIO()
        print(client, client.options, client.stats, client.health(), file=shown)
        print(vars(client.options).keys(), generate_latest(registry).decode(), caplog.text, file=shown)
        for data, error in told:
            request = getattr(error.response, "request", None)
            print(data, as_an_error_tracker_shows(error), vars(request) if request else "", file=shown)
        for file in tmp_path.rglob("*.*"):
            with suppress(FileNotFoundError):  # SQLite's journal comes and goes
                print(file, file.read_bytes().decode("latin-1"), file=shown)
        client.shutdown()
    assert len(told) == is_there
    assert [secret for secret in SECRETS if secret in shown.getvalue() + caplog.text] == []
    if is_there:
        assert SECRETS[1] in server.requests[0].headers["authorization"]
