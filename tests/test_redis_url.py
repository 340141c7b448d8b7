"""The URL of an outbox: what each part of it means, and that a wrong one is told without showing it."""

from __future__ import annotations

import pytest

from segment_gevent import ConfigError
from segment_gevent.redis_url import MAX_ENTRIES, STREAM, RedisUrl, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis://cache", RedisUrl((("cache", 6379),))),
        ("redis://cache:6380/2", RedisUrl((("cache", 6380),), db=2)),
        ("redis://[::1]:6380", RedisUrl((("::1", 6380),))),
        ("redis://:p%40ss@cache", RedisUrl((("cache", 6379),), password="p@ss")),
        ("rediss://me:p%2Fw@cache", RedisUrl((("cache", 6379),), is_tls=True, username="me", password="p/w")),
        ("unix:///run/redis.sock?db=3", RedisUrl((), path="/run/redis.sock", db=3)),
        (
            "redis+sentinel://me:pw@one,two:26380/events/4?sentinel_username=s&sentinel_password=t",
            RedisUrl(
                (("one", 26379), ("two", 26380)),
                service="events",
                db=4,
                username="me",
                password="pw",
                sentinel_username="s",
                sentinel_password="t",
            ),
        ),
        (
            "rediss://cache?stream=mine&max_entries=9&replicas=1&cafile=/ca&certfile=/c&keyfile=/k",
            RedisUrl(
                (("cache", 6379),),
                is_tls=True,
                stream="mine",
                max_entries=9,
                replicas=1,
                cafile="/ca",
                certfile="/c",
                keyfile="/k",
            ),
        ),
    ],
)
def test_each_part_means_what_it_says(text: str, expected: RedisUrl) -> None:
    """Hosts, credentials, databases and settings, as the documentation lists them."""
    assert parse("outbox", text) == expected
    assert (expected.stream or STREAM, expected.max_entries <= MAX_ENTRIES) == (expected.stream, True)


@pytest.mark.parametrize(
    "text",
    [
        "cache:6379",
        "http://secret@cache",
        "redis://",
        "redis://secret@",
        "redis://secret@cache:port",
        "redis://secret@cache/one/2",
        "redis://secret@cache/first",
        "redis://secret@one,two/0",
        "redis://secret@cache?colour=red",
        "redis://secret@cache?replicas=-1",
        "redis://secret@cache?max_entries=0",
        "redis://secret@cache?stream={mine}",
        "redis+sentinel://secret@one,two",
        "unix://?db=1",
        "redis://secret@cache/0#part",
        "redis://secret\n@cache",
        "redis://[secret",
    ],
)
def test_a_wrong_url_is_told_and_not_shown(text: str) -> None:
    """The error names the option; what stands in the URL may be a password."""
    with pytest.raises(ConfigError, match=r"^outbox ") as caught:
        parse("outbox", text)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_shown_has_no_credentials() -> None:
    """Logs, errors and reprs tell where the outbox is, and not who asks."""
    url = parse("outbox", "rediss+sentinel://me:secret@one,two:1/events/2?sentinel_password=secret")
    assert repr(url) == "RedisUrl(rediss+sentinel://one:26379,two:1/events/2)"
    assert parse("outbox", "unix:///run/redis.sock").shown == "unix:///run/redis.sock"
    assert parse("outbox", "redis://me:secret@[::1]").shown == "redis://[::1]:6379/0"
