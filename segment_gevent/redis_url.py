"""Where an outbox is: the URL of a Redis, read and checked. Pure, and without the redis library.

    redis://user:password@host:6379/0            rediss:// for TLS
    redis+sentinel://user:password@one:26379,two:26379/mymaster/0     rediss+sentinel:// for TLS
    unix:///run/redis.sock?db=0

What stands after `?` is in `QUERY`. User names and passwords are percent-encoded, as in any URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from segment_gevent.errors import ConfigError

STREAM = "segment:outbox"
"""The stream's key, where the URL names none."""

MAX_ENTRIES = 1_000_000
"""Batches that wait in the stream, at most, where the URL says nothing: past that Redis counts as full."""

QUERY: Mapping[str, str] = {
    "stream": "the stream's key",
    "max_entries": "so many batches wait in the stream, at most",
    "replicas": "so many replicas have each batch before it counts as delivered",
    "cafile": "a file of CA certificates, with TLS",
    "certfile": "a client certificate, with TLS",
    "keyfile": "its key",
    "db": "the database, with unix://",
    "sentinel_username": "who asks the sentinels",
    "sentinel_password": "and their password",
}

_SCHEMES = ("redis", "rediss", "redis+sentinel", "rediss+sentinel", "unix")
_WANTS = "a Redis URL such as redis://host:6379/0, rediss://… or redis+sentinel://one,two/mymaster/0"


class RedisUrl(NamedTuple):
    """A Redis, and the stream in it that is the outbox."""

    nodes: tuple[tuple[str, int], ...]
    """Host and port: of the Redis itself or, where there is a `service`, of its sentinels. None with a `path`."""
    path: str = ""
    """Of a Unix socket."""
    service: str = ""
    """What the sentinels call the master."""
    is_tls: bool = False
    db: int = 0
    username: str = ""
    password: str = ""
    sentinel_username: str = ""
    sentinel_password: str = ""
    stream: str = STREAM
    max_entries: int = MAX_ENTRIES
    replicas: int = 0
    cafile: str = ""
    certfile: str = ""
    keyfile: str = ""

    @property
    def shown(self) -> str:
        """For logs and errors: no user, no password."""
        scheme = ("rediss" if self.is_tls else "redis") + ("+sentinel" if self.service else "")
        if self.path:
            return f"unix://{self.path}"
        places = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.nodes)
        return f"{scheme}://{places}/" + (f"{self.service}/" if self.service else "") + str(self.db)

    def __repr__(self) -> str:
        return f"RedisUrl({self.shown})"


def parse(name: str, text: str) -> RedisUrl:
    """Read a URL that was given as `name`.

    Raises:
        ConfigError: it is none; its text shows nothing of the URL, which may hold a password.

    >>> parse("outbox", "redis://relay:secret@cache:6380/2?stream=events").nodes
    (('cache', 6380),)
    """
    try:
        parts = urlsplit(text)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        raise ConfigError(f"{name} must be {_WANTS}") from None
    if parts.scheme not in _SCHEMES or parts.fragment or not text.isprintable():
        raise ConfigError(f"{name} must be {_WANTS}")
    if unknown := sorted(set(query) - set(QUERY)):
        raise ConfigError(f"{name} has an unknown setting {unknown[0]!r} after the '?'; known are {', '.join(QUERY)}")
    username, password = _credentials(parts)
    url = RedisUrl(
        _nodes(name, parts),
        is_tls=parts.scheme.startswith("rediss"),
        username=username,
        password=password,
        sentinel_username=query.get("sentinel_username", ""),
        sentinel_password=query.get("sentinel_password", ""),
        stream=query.get("stream") or STREAM,
        max_entries=_number(name, query.get("max_entries", str(MAX_ENTRIES)), "max_entries", least=1),
        replicas=_number(name, query.get("replicas", "0"), "replicas"),
        cafile=query.get("cafile", ""),
        certfile=query.get("certfile", ""),
        keyfile=query.get("keyfile", ""),
    )
    if "{" in url.stream or "}" in url.stream:
        raise ConfigError(f"{name} must name a stream without braces: they stand in the names of its other keys")
    return _placed(name, url, parts, query)


def _placed(name: str, url: RedisUrl, parts: SplitResult, query: Mapping[str, str]) -> RedisUrl:
    """With what the path says: the database, the master's name, or the socket."""
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise ConfigError(f"{name} must have the socket's path, such as unix:///run/redis.sock")
        return url._replace(path=unquote(parts.path), db=_number(name, query.get("db", "0"), "db"), nodes=())
    path = [unquote(part) for part in parts.path.strip("/").split("/") if part]
    service = ""
    if parts.scheme.endswith("+sentinel"):
        if not path:
            raise ConfigError(f"{name} must name the sentinels' master, such as redis+sentinel://one,two/mymaster/0")
        service = path.pop(0)
    if len(path) > 1:
        raise ConfigError(f"{name} must have nothing but the database's number after the host")
    return url._replace(service=service, db=_number(name, path[0] if path else "0", "the database"))


def _credentials(parts: SplitResult) -> tuple[str, str]:
    userinfo, at, _ = parts.netloc.rpartition("@")
    if not at:
        return "", ""
    username, _, password = userinfo.partition(":")
    return unquote(username), unquote(password)


def _nodes(name: str, parts: SplitResult) -> tuple[tuple[str, int], ...]:
    if parts.scheme == "unix":
        return ()
    default = 26379 if parts.scheme.endswith("+sentinel") else 6379
    nodes = []
    for place in parts.netloc.rpartition("@")[2].split(","):
        try:
            each = urlsplit(f"//{place}")
            if not each.hostname or each.port == 0:
                raise ValueError
            nodes.append((each.hostname, each.port or default))
        except ValueError:
            raise ConfigError(f"{name} must be {_WANTS}") from None
    if len(nodes) > 1 and default == 6379:
        raise ConfigError(f"{name} must name one host, or sentinels: redis+sentinel://one,two/mymaster/0")
    return tuple(nodes)


def _number(name: str, text: str, what: str, *, least: int = 0) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        raise ConfigError(f"{name} must have a whole number of at least {least} as {what}")
    return int(text)
