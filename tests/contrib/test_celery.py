"""Celery's signals where no worker is needed; tests/integration has them in one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import celery
import pytest

from segment_gevent import Client, bind_context, bound_context
from segment_gevent.context import current
from segment_gevent.contrib.celery import connect
from segment_gevent.testing import RecordingTransport


@pytest.fixture
def eager() -> celery.Celery:
    """An application that runs each task in the call that publishes it."""
    connect()
    app = celery.Celery()
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    return app


def test_an_eager_task_has_its_callers_bindings(eager: celery.Celery, make_client: Callable[..., Client]) -> None:
    """And what it binds besides ends with it, also where it fails."""
    transport = RecordingTransport()
    client = make_client(transport=transport)

    @eager.task
    def buy(*, fails: bool) -> None:
        bind_context(locale="en-GB")
        client.track("visitor-17", event="Bought")
        if fails:
            raise KeyError

    with bound_context(ip="::1"):
        before = current()
        buy.delay(fails=False)
        assert current() is before
        with pytest.raises(KeyError):
            buy.delay(fails=True)
        assert current() is before
    client.flush()
    contexts: list[dict[str, Any]] = [message["context"] for message in transport.messages]
    assert [(each["ip"], each["locale"]) for each in contexts] == [("::1", "en-GB")] * 2
