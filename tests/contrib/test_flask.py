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


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"SEGMENT_WRITE_KEY": 5}, "SEGMENT_WRITE_KEY must be the write key, a string, not int 5"),
        ({"SEGMENT_OPTIONS": ["flush_at"]}, "SEGMENT_OPTIONS must be a mapping such as a dict, not list"),
        ({"SEGMENT_REQUESTS": 5}, "SEGMENT_REQUESTS must be a mapping such as a dict, not int 5"),
        (
            {"SEGMENT_REQUESTS": {"trusted_proxies": True}},
            "SEGMENT_REQUESTS: trusted_proxies must be .*, not bool True",
        ),
        ({"SEGMENT_REQUESTS": {"user": 5}}, "SEGMENT_REQUESTS: user must be .*, not int 5"),
    ],
    ids=str,
)
def test_an_error_of_the_configuration_names_the_setting(config: dict[str, Any], text: str) -> None:
    """And the argument, and its type."""
    with pytest.raises(segment.ConfigError, match=f"^{text}"):
        Segment(configured(**config))


def test_what_is_no_application_and_no_function_is_refused() -> None:
    """Where it is given."""
    with pytest.raises(segment.ConfigError, match="app must be a Flask application, not str"):
        Segment("shop")  # type: ignore[arg-type]
    with pytest.raises(segment.ConfigError, match=r"user_loader must be a function .*, not str"):
        Segment().user_loader("ilya")  # type: ignore[type-var]


def test_requests_may_be_none() -> None:
    """As a setting that is left out."""
    Segment(configured(SEGMENT_REQUESTS=None))
