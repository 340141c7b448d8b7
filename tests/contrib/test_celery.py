"""Celery's signals where no worker is needed; tests/integration has them in one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import celery
import orjson
import pytest

from segment_gevent import Client, bind_context, bind_user, bound_context
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


def test_an_error_of_a_users_function_costs_no_more_than_the_ids(
    eager: celery.Celery, caplog: pytest.LogCaptureFixture
) -> None:
    """Celery logs it, and what else is bound goes along."""

    def refuse() -> str:
        raise KeyError("no user here")

    headers: dict[str, str] = {}
    with bound_context(ip="::1"):
        bind_user(refuse)
        celery.signals.before_task_publish.send(sender="buy", headers=headers)
    assert orjson.loads(headers["segment_gevent"]) == {"fields": {"ip": "::1"}, "session_id": None, "user_id": None}
    assert "no user here" in caplog.text


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
