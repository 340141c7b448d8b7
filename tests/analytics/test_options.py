"""The official client's options, and what they amount to."""

from __future__ import annotations

import logging

import pytest

from segment_gevent import ConfigError, Options
from segment_gevent.analytics import Client
from segment_gevent.analytics.options import DefaultConfig, of_core
from segment_gevent.options import EU_AUTH_SERVER

DEFAULTS = {name: value for name, value in vars(DefaultConfig).items() if not name.startswith("_")}


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ({}, {"flush_at": 100, "flush_after": 0.5, "max_queue_size": 10_000, "max_retries": 10, "enabled": True}),
        ({"timeout": 20}, {"timeout": 20, "send_timeout": 40.0}),
        ({"timeout": (2, 20)}, {"timeout": (2, 20), "send_timeout": 40.0}),
        ({"send": False}, {"enabled": False}),
        ({"host": "http://127.0.0.1:9/prefix"}, {"host": "http://127.0.0.1:9/prefix"}),
        ({"upload_size": 7, "upload_interval": 3, "thread": 2}, {"flush_at": 7, "flush_after": 3, "max_in_flight": 2}),
        ({"max_retries": 42, "gzip": True}, {"max_retries": 42, "gzip": True}),
        (
            {"max_total_backoff_duration": 5, "max_rate_limit_duration": 6},
            {"max_retry_duration": 5, "max_rate_limit_duration": 6},
        ),
        ({"proxies": {"http": "127.0.0.1:1"}}, {"proxies": {"http": "127.0.0.1:1"}}),
        ({"sync_mode": True}, {"async_": False, "flush_at": 1, "max_retries": 0, "max_rate_limit_duration": 0}),
        (
            {"oauth_client_id": "id", "oauth_client_key": "PEM", "oauth_key_id": "kid"},
            {"oauth_client_id": "id", "oauth_key_id": "kid"},
        ),
        (
            {
                "oauth_client_id": "id",
                "oauth_client_key": "PEM",
                "oauth_key_id": "kid",
                "oauth_auth_server": "https://a",
            },
            {"oauth_auth_server": "https://a"},
        ),
    ],
    ids=lambda value: ", ".join(value) or "defaults" if isinstance(value, dict) else None,
)
def test_each_option_has_its_counterpart(given: dict[str, object], becomes: dict[str, object]) -> None:
    """What is given for the official option is what the core is made with."""
    assert of_core({**DEFAULTS, "write_key": "key", **given}).items() >= becomes.items()


def test_oauth_needs_all_three_as_with_the_official_client() -> None:
    """With one of them missing the write key serves."""
    assert "oauth_client_id" not in of_core({**DEFAULTS, "write_key": "key", "oauth_client_id": "id"})


@pytest.mark.parametrize("size", [0, -1])
def test_a_queue_of_no_size_has_no_bound(size: int) -> None:
    """As in Python's own queue."""
    assert of_core({**DEFAULTS, "write_key": "key", "max_queue_size": size})["max_queue_size"] > 10**9


@pytest.mark.parametrize("name", ["max_total_backoff_duration", "max_rate_limit_duration"])
@pytest.mark.parametrize("value", [None, -1, "x"])
def test_a_duration_must_be_one(name: str, value: object) -> None:
    """ValueError, as with the official client."""
    with pytest.raises(ValueError, match=name):
        Client("write-key", **{name: value})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_queue_size": "x"}, "max_queue_size must be an integer, not str"),
        ({"timeout": "x"}, "timeout must be"),
        ({"timeout": ("x", 1)}, r"timeout\[0\] must be"),
        ({"upload_size": "x"}, "upload_size must be"),
        ({"upload_interval": -1}, "upload_interval must be"),
        ({"thread": 0}, "thread must be"),
        ({"flush_at": 0}, "flush_at must be"),
    ],
)
def test_a_wrong_option_is_told_by_the_name_that_was_given(given: dict[str, object], words: str) -> None:
    """The official one, or the core's own."""
    with pytest.raises(ConfigError, match=f"^{words}"):
        Client("write-key", **given)


def test_a_region_has_its_own_token_server() -> None:
    """Which the official client's default does not stand in the way of."""
    options = of_core(
        {**DEFAULTS, "write_key": "key", "oauth_client_id": "id", "oauth_client_key": "PEM", "oauth_key_id": "k"}
    )
    assert Options(**{"region": "eu", **options}).oauth_auth_server == EU_AUTH_SERVER


def test_the_cores_options_are_there_too(tmp_path: object) -> None:
    """Any of them, by its own name; a wrong one is an error."""
    assert Client("write-key", shutdown_timeout=1, send=False).stats.pending == 0
    with pytest.raises(ConfigError):
        Client("write-key", shutdown_timeout="long")


def test_the_official_logger_speaks_for_the_core(caplog: pytest.LogCaptureFixture) -> None:
    """A level and handlers that an application set for `segment` hold for what is said underneath."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = records.append
    Client("write-key", send=False, log_handler=handler)
    core = logging.getLogger("segment_gevent")
    try:
        core.warning("heard")
        Client.log.setLevel(logging.ERROR)
        core.warning("not heard")
    finally:
        Client.log.removeHandler(handler)
        Client.log.setLevel(logging.NOTSET)
    assert [record.getMessage() for record in records] == ["heard"]
