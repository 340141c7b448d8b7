"""The Flask extension's configuration; tests/integration has it in a server."""

from __future__ import annotations

from typing import Any

import flask
import pytest

import segment_gevent as segment
from segment_gevent.contrib.flask import Segment


def configured(**config: Any) -> flask.Flask:
    app = flask.Flask("shop")
    app.config.update(config)
    return app


def test_without_a_write_key_the_client_is_the_applications_business() -> None:
    """Also where it was made already."""
    before = segment.default_client
    app = configured()
    extension = Segment(app)
    assert app.extensions["segment_gevent"] is extension
    assert segment.default_client is before


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({"SEGMENT_WRITE_KEY": "key", "SEGMENT_OPTIONS": {"flush_at": -1}}, segment.ConfigError),
        ({"SEGMENT_OPTIONS": {"flush_att": 1}}, TypeError),
        ({"SEGMENT_REQUESTS": {"trusted_proxies": "all"}}, segment.ConfigError),
        ({"SEGMENT_REQUESTS": {"proxies": 1}}, TypeError),
    ],
)
def test_a_wrong_configuration_is_an_error_at_the_start(config: dict[str, Any], error: type[Exception]) -> None:
    """And not with the first request."""
    with pytest.raises(error):
        Segment(configured(**config))
