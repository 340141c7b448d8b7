"""Every option: what it takes, how it reads, what it refuses and in which words."""

from __future__ import annotations

import dataclasses
import inspect
import logging
from collections import OrderedDict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import segment_gevent as segment
from segment_gevent import Client, ConfigError, Options
from segment_gevent.testing import RecordingTransport

MIB = 1024 * 1024

DEFAULTS = {
    "api_key": None,
    "host": "https://api.segment.io",
    "region": "us",
    "flush_at": 10,
    "flush_after": 10,
    "async_": True,
    "max_queue_size": 100_000,
    "max_queue_bytes": 64 * MIB,
    "overflow": "drop_newest",
    "block_timeout": 5,
    "spool_dir": "",
    "spool_max_bytes": 1024 * MIB,
    "spool_max_age": 7 * 24 * 3600,
    "durable": False,
    "journal_interval": 0.02,
    "log": True,
    "log_level": logging.INFO,
    "timeout": (5.0, 15.0),
    "send_timeout": 30,
    "flush_timeout": 30,
    "shutdown_timeout": 5,
    "stall_warning": 60,
    "max_retries": 10,
    "max_retry_duration": 43_200,
    "max_rate_limit_duration": 1_800,
    "gzip": False,
    "gzip_level": 1,
    "proxies": None,
    "verify": None,
    "max_in_flight": 1,
    "before_send": None,
    "default_context": None,
    "default_integrations": None,
    "sample_rate": 1.0,
    "oauth_client_id": "",
    "oauth_client_key": "",
    "oauth_key_id": "",
    "oauth_auth_server": "https://oauth2.segment.io",
    "oauth_scope": "tracking_api:write",
    "enabled": True,
    "outbox": "",
    "transport": None,
}

DURATIONS = (
    "flush_after",
    "block_timeout",
    "spool_max_age",
    "journal_interval",
    "send_timeout",
    "flush_timeout",
    "shutdown_timeout",
    "stall_warning",
    "max_retry_duration",
    "max_rate_limit_duration",
)
OVER_ZERO = ("spool_max_age", "journal_interval", "send_timeout")
COUNTS = ("flush_at", "max_queue_size", "max_queue_bytes", "max_in_flight", "gzip_level")
SWITCHES = ("async_", "log", "gzip", "enabled")

GOOD = [
    *((name, 2, 2.0) for name in DURATIONS),
    *((name, 0.25, 0.25) for name in DURATIONS),
    *((name, timedelta(seconds=1, milliseconds=500), 1.5) for name in DURATIONS),
    *((name, 0, 0.0) for name in DURATIONS if name not in OVER_ZERO),
    *((name, 1, 1) for name in COUNTS),
    *((name, flag, flag) for name in SWITCHES for flag in (True, False)),
    ("gzip_level", 9, 9),
    ("max_retries", 0, 0),
    ("stall_warning", None, 0.0),
    ("host", "http://localhost:8765/", "http://localhost:8765"),
    ("host", "https://proxy.example/segment//", "https://proxy.example/segment"),
    ("host", "http://[::1]:80", "http://[::1]:80"),
    ("log_level", "debug", logging.DEBUG),
    ("log_level", logging.ERROR, logging.ERROR),
    ("timeout", 3, (3.0, 3.0)),
    ("timeout", timedelta(seconds=3), (3.0, 3.0)),
    ("timeout", (1, timedelta(seconds=2)), (1.0, 2.0)),
    ("timeout", [1, 2], (1.0, 2.0)),
    ("proxies", {"https": "http://user:hunter2@proxy:3128"}, {"https": "http://user:hunter2@proxy:3128"}),
    ("proxies", {}, {}),
    ("verify", "/etc/ca.pem", "/etc/ca.pem"),
    ("verify", Path("/etc/ca.pem"), "/etc/ca.pem"),
    ("verify", False, False),
    ("region", "eu", "eu"),
    *(("overflow", policy, policy) for policy in ("drop_newest", "drop_oldest", "block")),
    ("spool_dir", "/var/spool/segment", "/var/spool/segment"),
    ("spool_dir", Path("/var/spool/segment"), "/var/spool/segment"),
    ("spool_max_bytes", MIB, MIB),
    ("sample_rate", 0, 0.0),
    ("sample_rate", 0.25, 0.25),
    ("default_context", {"app": 1}, {"app": 1}),
    ("default_integrations", OrderedDict(All=True), {"All": True}),
    ("before_send", dict, dict),
    ("oauth_auth_server", "http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
    ("oauth_scope", "another", "another"),
]

NO_SECONDS = ["3", None, True, -1, float("nan"), float("inf"), timedelta(seconds=-1), [3], 10**400]
BAD = [
    *(
        (name, value, f"{name} must be a number of seconds or a timedelta")
        for name in DURATIONS
        for value in NO_SECONDS
        if (name, value) != ("stall_warning", None)
    ),
    *((name, value, f"{name} must be a whole number") for name in COUNTS for value in (0, -1, True, 1.0, "1", None)),
    *((name, value, f"{name} must be True or False") for name in SWITCHES for value in (0, 1, None, "yes")),
    *((name, 0, f"{name} must be more than 0 seconds") for name in OVER_ZERO),
    *((name, value, f"{name} must be 'us' or 'eu'") for name in ("region",) for value in ("EU", "", None, 1, "asia")),
    *(
        ("overflow", value, "overflow must be 'drop_newest' or 'drop_oldest' or 'block' or 'spool'")
        for value in ("drop", "", None, True)
    ),
    ("overflow", "spool", "spool_dir is missing: overflow='spool' needs a directory"),
    *(("durable", value, "spool_dir is missing: durable needs a directory") for value in (True, "sync")),
    *(("durable", value, 'durable must be True, False or "sync"') for value in ("SYNC", "", None, 1, 0)),
    *(("spool_dir", value, "spool_dir must be a string") for value in (b"/tmp", None, 7, ["/tmp"])),
    ("spool_dir", "a\0b", "spool_dir must hold no null character"),
    *(("spool_max_bytes", value, "spool_max_bytes must be a whole number") for value in (MIB - 1, 0, 2.0 * MIB, None)),
    *(
        ("sample_rate", value, "sample_rate must be a number from 0 to 1")
        for value in (-0.1, 1.1, "1", None, True, float("nan"), float("inf"))
    ),
    *(
        (name, value, f"{name} must be a mapping such as a dict")
        for name in ("default_context", "default_integrations")
        for value in ("text", 7, [("a", 1)], {1})
    ),
    *(("before_send", value, "before_send must be a function of a message") for value in ("f", 7, {})),
    *(
        (name, value, f"{name} must be a string")
        for name in ("oauth_client_id", "oauth_key_id", "oauth_scope", "oauth_client_key")
        for value in (None, 7, b"bytes")
    ),
    ("oauth_auth_server", "oauth2.segment.io", "oauth_auth_server must be an http:// or https:// address"),
    ("oauth_client_id", "id", "oauth_client_key is missing: OAuth needs oauth_client_id, oauth_client_key"),
    ("oauth_client_key", "key", "oauth_client_id is missing: OAuth needs"),
    ("oauth_key_id", "id", "oauth_client_id is missing: OAuth needs"),
    ("gzip_level", 10, "gzip_level must be a whole number from 1 to 9"),
    ("max_retries", -1, "max_retries must be a whole number of at least 0"),
    ("timeout", 0, "timeout must be more than 0"),
    ("timeout", (1, 0), r"timeout\[1\] must be more than 0"),
    ("timeout", (1, "2"), r"timeout\[1\] must be a number of seconds"),
    ("timeout", (1, 2, 3), r"timeout must be \(connect, read\) or one number for both, not 3 values"),
    ("timeout", None, "timeout must be a number of seconds"),
    ("api_key", "", "api_key must be the write key"),
    ("api_key", "two words", "api_key must be the write key"),
    ("api_key", "line\r\nX-Evil: 1", "api_key must be the write key"),
    ("api_key", b"bytes", "api_key must be the write key, a string, not bytes"),
    ("log_level", "loud", "log_level must be a level of the logging module"),
    ("log_level", 1.5, "log_level must be a level of the logging module"),
    ("log_level", True, "log_level must be a level of the logging module"),
    ("proxies", "http://proxy:3128", "proxies must be a mapping"),
    (
        "proxies",
        {"https": None},
        "proxies must be a mapping of scheme to proxy URL, both strings; one in",
    ),
    ("verify", 1, "verify must be True, False or the path"),
    ("outbox", 6379, "outbox must be a Redis URL, a string, not int"),
    ("outbox", "http://cache:6379", "outbox must be a Redis URL such as redis://host:6379/0"),
    ("transport", object(), "transport must be an object with send"),
    ("transport", "http", "transport must be an object with send"),
    *(
        ("host", value, "host must be an http:// or https:// address")
        for value in (
            "",
            "api.segment.io",
            "localhost:8765",
            "ftp://h",
            "https://",
            "http://h:x",
            "http://h:99999",
            "http://[::1",
            "http://user:pw@h",
            "http://:pw@h",
            "http://h?x=1",
            "http://h?",
            "http://h#x",
            "http://h#",
            "http://h/a b",
            "http://h\r\nX-Evil: 1",
            None,
            b"http://h",
        )
    ),
]


OAUTH = {"oauth_client_id": "id", "oauth_client_key": "hunter2", "oauth_key_id": "kid"}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No write key or host comes from where the tests are run."""
    monkeypatch.delenv("SEGMENT_WRITE_KEY", raising=False)
    monkeypatch.delenv("SEGMENT_HOST", raising=False)


def make(**options: Any) -> Options:
    return Options(**{"api_key": "key", **options})


@pytest.mark.parametrize("function", [segment.initialize, Client, Options])
def test_the_signature_names_every_option_and_its_default(function: Any) -> None:
    """initialize, Client and Options take the same, the write key by position and the rest by name."""
    parameters = inspect.signature(function).parameters
    assert {name: each.default for name, each in parameters.items()} == DEFAULTS
    kinds = {each.kind for name, each in parameters.items() if name != "api_key"}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_reads_as_declared(name: str) -> None:
    """What is left out reads as the signature says, durations as floats."""
    expected = {"api_key": "key", "default_context": {}, "default_integrations": {}}.get(name, DEFAULTS[name])
    assert getattr(make(), name) == expected
    if name in DURATIONS:
        assert isinstance(getattr(make(), name), float)


@pytest.mark.parametrize(("name", "given", "reads"), GOOD)
def test_a_good_value_is_taken(name: str, given: object, reads: object) -> None:
    """Every duration takes seconds or a timedelta; the code reads one form."""
    value = getattr(make(**{name: given}), name)
    assert (value, type(value)) == (reads, type(reads))


@pytest.mark.parametrize(("name", "given", "text"), BAD)
def test_a_bad_value_is_a_config_error_that_names_the_option(name: str, given: object, text: str) -> None:
    """It is a ValueError of ours too, so either may be caught."""
    with pytest.raises(ConfigError, match=text) as caught:
        make(**{name: given})
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("function", [segment.initialize, Client])
def test_initialize_and_client_check_alike(function: Any) -> None:
    """A bad value makes no client, and leaves the default client as it was."""
    before = segment.default_client
    with pytest.raises(ConfigError, match="flush_at must be a whole number of at least 1, not int 0"):
        function("key", flush_at=0)
    assert segment.default_client is before


def test_an_error_shows_no_text_that_was_given() -> None:
    """A string in the wrong place may be a secret: its type is enough."""
    for name in set(DEFAULTS) - {"verify", "spool_dir", "before_send", *OAUTH, "oauth_scope"}:
        with pytest.raises(ConfigError) as caught:
            make(**{name: "hunter2 hunter2"})
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("flush_afer", "flush_after"),
        ("flushat", "flush_at"),
        ("write_key", "api_key"),
        ("queue_size", "max_queue_size"),
        ("asynch", "async_"),
    ],
)
@pytest.mark.parametrize("function", [segment.initialize, Client])
def test_an_unknown_option_is_a_type_error_that_names_the_nearest(function: Any, wrong: str, nearest: str) -> None:
    """A misspelt option is never accepted and ignored."""
    with pytest.raises(TypeError, match=f"^'{wrong}' is not an option; the nearest is '{nearest}'$"):
        function("key", **{wrong: 1})


@pytest.mark.parametrize("wrong", ["endpoint", "_"])
@pytest.mark.parametrize("function", [segment.initialize, Client])
def test_an_unknown_option_that_is_like_no_other_suggests_none(function: Any, wrong: str) -> None:
    """A far-fetched suggestion would mislead."""
    with pytest.raises(TypeError, match=f"^'{wrong}' is not an option$"):
        function("key", **{wrong: 1})


@pytest.mark.parametrize("function", [segment.initialize, Client])
def test_the_signature_shows_the_types_that_are_accepted(function: Any) -> None:
    """As `help` shows them: not how the options are declared."""
    parameters = inspect.signature(function).parameters
    assert "Option[" not in str(inspect.signature(function))
    assert parameters["flush_after"].annotation == float | timedelta
    assert parameters["api_key"].annotation == str | None
    assert "Transport" in str(parameters["transport"])


def test_async_works_by_its_old_name() -> None:
    """`async` became a keyword of Python, so it can only be given in a mapping."""
    with Client("key", enabled=False, **{"async": False}) as client:
        assert client.options.async_ is False


def test_async_by_both_names_is_refused() -> None:
    """One of the two would have to lose, and silently."""
    with pytest.raises(TypeError, match="async"):
        Client("key", async_=True, **{"async": False})


def test_a_key_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, and without one in the environment, nothing is made; white space is none."""
    for environment in ("", "  "):
        monkeypatch.setenv("SEGMENT_WRITE_KEY", environment)
        with pytest.raises(ConfigError, match=r"api_key is missing.*SEGMENT_WRITE_KEY"):
            Client()


def test_a_disabled_client_needs_no_key() -> None:
    """Tests and development machines have none."""
    assert Client(enabled=False).track("s", event="E") is False


def test_the_environment_serves_where_an_argument_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write key and the host may stand in the environment, and are checked the same."""
    monkeypatch.setenv("SEGMENT_WRITE_KEY", "key-of-environment")
    monkeypatch.setenv("SEGMENT_HOST", "http://environment:1/")
    options = Options()
    assert (options.api_key, options.host) == ("key-of-environment", "http://environment:1")
    monkeypatch.setenv("SEGMENT_HOST", "environment")
    with pytest.raises(ConfigError, match=r"^host must be .*; it comes from SEGMENT_HOST$"):
        Options()
    monkeypatch.setenv("SEGMENT_HOST", "")
    assert Options().host == "https://api.segment.io"


def test_an_argument_wins_over_the_environment_even_when_equal_to_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who writes the address down means it, wherever the environment points."""
    monkeypatch.setenv("SEGMENT_WRITE_KEY", "key-of-environment")
    monkeypatch.setenv("SEGMENT_HOST", "http://environment:1")
    options = Options("key", host="https://" + "api.segment.io")
    assert (options.api_key, options.host) == ("key", "https://api.segment.io")


US = ("https://api.segment.io", "https://oauth2.segment.io")
EU = ("https://events.eu1.segmentapis.com", "https://oauth2.eu1.segmentapis.com")


@pytest.mark.parametrize(
    ("given", "environment", "addresses"),
    [
        ({}, "", US),
        ({"region": "us"}, "", US),
        ({"region": "eu"}, "", EU),
        ({"region": "eu", "host": "http://mine:1"}, "", ("http://mine:1", EU[1])),
        ({"region": "eu", "host": "https://api." + "segment.io"}, "", (US[0], EU[1])),
        ({"region": "eu", "oauth_auth_server": "http://mine:2"}, "", (EU[0], "http://mine:2")),
        ({"region": "eu", "oauth_auth_server": "https://oauth2." + "segment.io"}, "", (EU[0], US[1])),
        ({"region": "eu"}, "http://environment:1", ("http://environment:1", EU[1])),
        ({"region": "eu"}, "https://api.segment.io", (US[0], EU[1])),
        ({"region": "eu", "host": "http://mine:1"}, "http://environment:1", ("http://mine:1", EU[1])),
        ({"host": EU[0]}, "", (EU[0], US[1])),
    ],
)
def test_a_region_chooses_the_hosts_that_are_left_out(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], environment: str, addresses: tuple[str, str]
) -> None:
    """An address that an argument or the environment gives wins, be it the one that the other region would have."""
    monkeypatch.setenv("SEGMENT_HOST", environment)
    options = make(**given)
    assert (options.host, options.oauth_auth_server) == addresses
    assert {type(address) for address in (options.host, options.oauth_auth_server)} == {str}


def test_options_are_read_only() -> None:
    """A client's options are what it was made with; the caller's mapping is not kept either."""
    proxies = {"https": "http://proxy:3128"}
    options = make(proxies=proxies)
    proxies.clear()
    assert options.proxies == {"https": "http://proxy:3128"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.flush_at = 3  # type: ignore[misc]


def test_the_repr_shows_what_differs_and_no_secret() -> None:
    """The write key and a proxy's password end up in no log by way of a repr."""
    shown = repr(Options("hunter2", flush_at=3, proxies={"https": "http://me:hunter2@proxy"}))
    assert shown == "Options(api_key=…, flush_at=3, proxies=…)"
    assert repr(make(**OAUTH)) == "Options(api_key=…, oauth_client_id='id', oauth_client_key=…, oauth_key_id='kid')"
    assert repr(make(region="eu")) == (f"Options(api_key=…, host={EU[0]!r}, region='eu', oauth_auth_server={EU[1]!r})")
    assert "hunter2" not in repr(Client("hunter2", host="http://h:1"))


def test_every_option_describes_itself() -> None:
    """The documentation's tables are made of this."""
    rows = {row.name: row for row in Options.describe()}
    assert list(rows) == list(DEFAULTS)
    assert all(row.doc.endswith(".") for row in rows.values())
    assert rows["flush_after"].unit == "seconds"
    assert rows["host"].default == "'https://api.segment.io'"


@pytest.mark.parametrize("name", [name for name in DURATIONS if name not in {"flush_after", "journal_interval"}])
def test_the_longest_duration_means_for_ever(name: str) -> None:
    """`timedelta.max` is how one says that something never runs out."""
    transport = RecordingTransport()
    with Client("key", transport=transport, **{name: timedelta.max}) as client:
        assert client.track("s", event="E")
        assert client.flush()
    assert len(transport.sent) == 1


def test_the_longest_flush_after_leaves_the_threshold_in_charge() -> None:
    """With `timedelta.max` nothing is sent for its age."""
    transport = RecordingTransport()
    with Client("key", transport=transport, flush_after=timedelta.max, flush_at=2) as client:
        client.track("s", event="first, at once")
        transport.wait_for(1)
        client.track("s", event="waits")
        client.track("s", event="makes two")
        transport.wait_for(2)
        assert [len(sent.messages) for sent in transport.sent] == [1, 2]
