"""The options: each one's name, type, unit, default, check and documentation, in one place.

`Options` is a frozen dataclass whose fields are descriptors: what a caller may give and what the code reads
differ (`flush_after` takes seconds or a timedelta and reads as seconds), and type checkers see both. `initialize` and
`Client` take their signatures from it, and the tables of the docs are generated from it.
"""

from __future__ import annotations

import difflib
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast, overload
from urllib.parse import urlsplit

from segment_gevent.errors import ConfigError

if TYPE_CHECKING:
    from segment_gevent.delivery.transport import Transport

Given = TypeVar("Given")
Kept = TypeVar("Kept")
Seconds = float | timedelta
BeforeSend = Callable[[dict[str, Any]], dict[str, Any] | None]


class LeftOut(str):
    """A default that can be told from the same text given by a caller, which goes over the environment."""

    __slots__ = ()


class Option(Generic[Given, Kept]):
    """One option: takes a `Given`, checks it, and reads as a `Kept`."""

    def __init__(
        self, default: Given, keep: Callable[[str, object], Kept], *, unit: str, doc: str, env: str = ""
    ) -> None:
        self.default = default
        self.unit = unit
        self.doc = doc
        self.env = env
        self._keep = keep

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, options: None, owner: type) -> Given: ...
    @overload
    def __get__(self, options: object, owner: type) -> Kept: ...
    def __get__(self, options: object | None, owner: type) -> Given | Kept:
        if options is None:
            return self.default
        return cast("Kept", options.__dict__[self.name])

    def __set__(self, options: object, value: Given) -> None:
        given: object = value
        if self.env and value is self.default:
            given = os.environ.get(self.env, "").strip() or value
        options.__dict__[self.name] = self._keep(self.name, given)


def _wrong(name: str, wants: str, value: object) -> ConfigError:
    return ConfigError(f"{name} must be {wants}, not {_shown(value)}")


def _shown(value: object) -> str:
    """The value's type, and the value itself where it is a number: a string may be a secret."""
    kind = type(value).__name__
    return f"{kind} {value!r}" if isinstance(value, int | float | timedelta) else kind


# What an option accepts, each a function of its name and the value given.


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, "True or False", value)
    return value


def _count(least: int, most: int | None = None) -> Callable[[str, object], int]:
    wants = f"a whole number of at least {least}" if most is None else f"a whole number from {least} to {most}"

    def keep(name: str, value: object) -> int:
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or value < least
            or (most is not None and value > most)
        ):
            raise _wrong(name, wants, value)
        return value

    return keep


def seconds(name: str, value: object) -> float:
    """A duration in seconds.

    Raises:
        ConfigError: `value` is no duration, or negative, or endless; the text calls it `name`.
    """
    amount = value.total_seconds() if isinstance(value, timedelta) else value
    if not isinstance(amount, int | float) or isinstance(amount, bool) or not 0 <= amount <= sys.float_info.max:
        raise _wrong(name, "a number of seconds or a timedelta, not negative", value)
    return float(amount)


def _some_seconds(name: str, value: object) -> float:
    amount = seconds(name, value)
    if amount == 0:
        raise _wrong(name, "more than 0 seconds", value)
    return amount


def _connect_and_read(name: str, value: object) -> tuple[float, float]:
    if not isinstance(value, tuple | list):
        both = _some_seconds(name, value)
        return both, both
    if len(value) != 2:
        raise ConfigError(f"{name} must be (connect, read) or one number for both, not {len(value)} values")
    return _some_seconds(f"{name}[0]", value[0]), _some_seconds(f"{name}[1]", value[1])


def _level(name: str, value: object) -> int:
    level = logging.getLevelName(value.upper()) if isinstance(value, str) else value
    if not isinstance(level, int) or isinstance(level, bool):
        raise _wrong(name, "a level of the logging module", value)
    return level


def _key(name: str, value: object) -> str:
    if value is None:
        return ""  # whether that is an error depends on `enabled`: Options says so
    if not isinstance(value, str):
        raise _wrong(name, "the write key, a string", value)
    if not value or not value.isprintable() or " " in value:
        raise ConfigError(f"{name} must be the write key: a string that is not empty and holds no white space")
    return value


def _host(name: str, value: object) -> str:
    wants = "an http:// or https:// address such as https://api.segment.io"
    if not isinstance(value, str):
        raise _wrong(name, wants, value)
    is_left_out = isinstance(value, LeftOut)  # `region` may choose another
    value = value if is_left_out else str(value)
    try:
        parts = urlsplit(value)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        raise ConfigError(f"{name} must be {wants}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_sound:
        raise ConfigError(f"{name} must be {wants}")
    if parts.username is not None or not value.isprintable() or set(value) & set("?# "):
        raise ConfigError(f"{name} must be {wants}, without user, query, fragment or white space")
    return value if is_left_out else value.rstrip("/")


def _text(name: str, value: object) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise _wrong(name, "a string", value)
    return value


def _proxies(name: str, value: object) -> Mapping[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        raise _wrong(name, "a mapping of scheme to proxy URL, both strings", value)
    return dict(value)


def _verify(name: str, value: object) -> bool | str | None:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if value is None or isinstance(value, bool | str):
        return value
    raise _wrong(name, "True, False or the path of a CA bundle", value)


def _one_of(*words: str) -> Callable[[str, object], str]:
    wants = " or ".join(repr(word) for word in words)

    def keep(name: str, value: object) -> str:
        if not isinstance(value, str):
            raise _wrong(name, wants, value)
        if value not in words:
            raise ConfigError(f"{name} must be {wants}")
        return str(value)

    return keep


def _durable(name: str, value: object) -> bool | str:
    if not isinstance(value, bool) and value != "sync":
        raise _wrong(name, 'True, False or "sync"', value)
    return value


def _share(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise _wrong(name, "a number from 0 to 1", value)
    return float(value)


def _values(name: str, value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _wrong(name, "a mapping such as a dict", value)
    try:
        return dict(value)
    except Exception as error:
        raise ConfigError(f"{name} of type {type(value).__name__} cannot be read") from error


def _hook(name: str, value: object) -> BeforeSend | None:
    if value is not None and not callable(value):
        raise _wrong(name, "a function of a message that returns a message or None", value)
    return cast("BeforeSend | None", value)


def _transport(name: str, value: object) -> Transport | None:
    if value is not None and not (callable(getattr(value, "send", None)) and callable(getattr(value, "close", None))):
        raise _wrong(name, "an object with send(body, headers) and close()", value)
    return cast("Transport | None", value)


EU_HOST = "https://events.eu1.segmentapis.com"
EU_AUTH_SERVER = "https://oauth2.eu1.segmentapis.com"


class OptionRow(NamedTuple):
    """One option as the documentation shows it."""

    name: str
    default: str
    unit: str
    doc: str


@dataclass(frozen=True, repr=False)
class Options:
    """How a client behaves; made by `initialize` and `Client` from their arguments, and read-only after that.

    Raises:
        ConfigError: an option has a wrong type or value.
    """

    api_key: Option[str | None, str] = Option(
        None,
        _key,
        unit="write key",
        env="SEGMENT_WRITE_KEY",
        doc="The source's write key; without it `SEGMENT_WRITE_KEY` serves.",
    )
    _: KW_ONLY
    host: Option[str, str] = Option(
        LeftOut("https://api.segment.io"),
        _host,
        unit="URL",
        env="SEGMENT_HOST",
        doc="Where `/v1/batch` is, with or without a path before it; left out, `SEGMENT_HOST` serves.",
    )
    region: Option[str, str] = Option(
        "us",
        _one_of("us", "eu"),
        unit="us or eu",
        doc="`eu` sends to Segment's servers in the EU, where no host is given.",
    )
    flush_at: Option[int, int] = Option(
        10,
        _count(1),
        unit="messages",
        doc="So many waiting messages start a flush. A threshold, not a batch size; 1 sends each at once.",
    )
    flush_after: Option[Seconds, float] = Option(
        10, seconds, unit="seconds", doc="No message waits longer than this for a flush."
    )
    async_: Option[bool, bool] = Option(
        True,
        _switch,
        unit="",
        doc="False sends in the greenlet that calls, when a flush is due. `async` works too, in `**{...}`.",
    )
    max_queue_size: Option[int, int] = Option(
        100_000,
        _count(1),
        unit="messages",
        doc="So many may wait, those in flight not counted; past it `overflow` says what happens.",
    )
    max_queue_bytes: Option[int, int] = Option(
        64 * 1024 * 1024, _count(1), unit="bytes", doc="The same in bytes of encoded messages."
    )
    overflow: Option[str, str] = Option(
        "drop_newest",
        _one_of("drop_newest", "drop_oldest", "block", "spool"),
        unit="policy",
        doc="What a full queue does: `drop_newest` refuses the call, `drop_oldest` lets the oldest message go, "
        "`block` waits cooperatively for room, `spool` puts the oldest messages on disk.",
    )
    block_timeout: Option[Seconds, float] = Option(
        5,
        seconds,
        unit="seconds",
        doc='What a call waits for room at most, with `overflow="block"`; then it is refused.',
    )
    spool_dir: Option[str | os.PathLike[str], str] = Option(
        "",
        _text,
        unit="path",
        doc="A directory for messages that can't be delivered now; all workers of a machine share it.",
    )
    spool_max_bytes: Option[int, int] = Option(
        1 << 30, _count(1 << 20), unit="bytes", doc="The directory's bound; past it the oldest messages go."
    )
    spool_max_age: Option[Seconds, float] = Option(
        7 * 24 * 3600, _some_seconds, unit="seconds", doc="Messages that were on disk for longer go."
    )
    durable: Option[bool | str, bool | str] = Option(
        False,
        _durable,
        unit="mode",
        doc='True has every message on disk within `journal_interval`; `"sync"` has the call wait until it is; '
        "in the hub, and where the disk fails, that answers False and goes on from memory.",
    )
    journal_interval: Option[Seconds, float] = Option(
        0.02, _some_seconds, unit="seconds", doc="What a killed process loses at most, with `durable=True`."
    )
    log: Option[bool, bool] = Option(True, _switch, unit="", doc="False silences the client.")
    log_level: Option[int | str, int] = Option(
        logging.INFO, _level, unit="level", doc="The level of the logger `segment_gevent`."
    )
    timeout: Option[Seconds | tuple[Seconds, Seconds], tuple[float, float]] = Option(
        (5.0, 15.0),
        _connect_and_read,
        unit="seconds",
        doc="To connect, and between two pieces of an answer; one number serves for both.",
    )
    send_timeout: Option[Seconds, float] = Option(
        30, _some_seconds, unit="seconds", doc="For one attempt as a whole, from look-up to last byte."
    )
    flush_timeout: Option[Seconds, float] = Option(
        30, seconds, unit="seconds", doc="What `flush()` waits at most if it is not told."
    )
    shutdown_timeout: Option[Seconds, float] = Option(
        5,
        seconds,
        unit="seconds",
        doc="What `shutdown()` and the interpreter's exit wait at most if they are not told.",
    )
    max_retries: Option[int, int] = Option(10, _count(0), unit="retries", doc="So many more attempts after the first.")
    max_retry_duration: Option[Seconds, float] = Option(
        43_200,
        seconds,
        unit="seconds",
        doc="A batch is not tried again when its first attempt is longer ago than this.",
    )
    max_rate_limit_duration: Option[Seconds, float] = Option(
        1_800,
        seconds,
        unit="seconds",
        doc="A batch that only rate limits hold up is given up after so long; they do not count as retries.",
    )
    gzip: Option[bool, bool] = Option(False, _switch, unit="", doc="Compress request bodies.")
    gzip_level: Option[int, int] = Option(
        1, _count(1, 9), unit="1 to 9", doc="1 is the fastest; 9 costs seven times as much for little."
    )
    proxies: Option[Mapping[str, str] | None, Mapping[str, str] | None] = Option(
        None,
        _proxies,
        unit="scheme to URL",
        doc="As in requests; left out, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` serve.",
    )
    verify: Option[bool | str | os.PathLike[str] | None, bool | str | None] = Option(
        None,
        _verify,
        unit="path",
        doc="A CA file or folder, or False; left out, `REQUESTS_CA_BUNDLE` or certifi's serves.",
    )
    max_in_flight: Option[int, int] = Option(
        1, _count(1), unit="batches", doc="So many are sent at a time; with more than 1 their order can change."
    )
    before_send: Option[BeforeSend | None, BeforeSend | None] = Option(
        None,
        _hook,
        unit="function",
        doc="Gets each message as a dict and returns it, changed or not, or None to drop it. Runs in the call.",
    )
    default_context: Option[Mapping[str, Any] | None, Mapping[str, Any]] = Option(
        None,
        _values,
        unit="mapping",
        doc="Goes into the context of every message, under the call's own.",
    )
    default_integrations: Option[Mapping[str, Any] | None, Mapping[str, Any]] = Option(
        None, _values, unit="mapping", doc="The same for `integrations`."
    )
    sample_rate: Option[float, float] = Option(
        1.0,
        _share,
        unit="0 to 1",
        doc="The share of users whose messages are sent; which users, their ids decide, always the same.",
    )
    oauth_client_id: Option[str, str] = Option(
        "", _text, unit="id", doc="Of the OAuth application; with it, batches carry a token."
    )
    oauth_client_key: Option[str | os.PathLike[str], str] = Option(
        "", _text, unit="PEM", doc="Its private key: PEM text, or the path of a file with it."
    )
    oauth_key_id: Option[str, str] = Option("", _text, unit="id", doc="Of the public key, as Segment shows it.")
    oauth_auth_server: Option[str, str] = Option(
        LeftOut("https://oauth2.segment.io"),
        _host,
        unit="URL",
        doc="Where tokens come from; left out, the server of the `region`.",
    )
    oauth_scope: Option[str, str] = Option("tracking_api:write", _text, unit="scope", doc="What the token is for.")
    enabled: Option[bool, bool] = Option(
        True, _switch, unit="", doc="False checks and counts calls and sends nothing; no key is needed."
    )
    transport: Option[Transport | None, Transport | None] = Option(
        None,
        _transport,
        unit="Transport",
        doc="Takes the place of HTTP: an object with `send(body, headers)` and `close()`.",
    )

    def __post_init__(self) -> None:
        for name, of_region in (("host", EU_HOST), ("oauth_auth_server", EU_AUTH_SERVER)):
            if isinstance(address := self.__dict__[name], LeftOut):
                self.__dict__[name] = of_region if self.region == "eu" else str(address)
        missing = [name for name in ("oauth_client_id", "oauth_client_key", "oauth_key_id") if not getattr(self, name)]
        if 0 < len(missing) < 3:
            raise ConfigError(
                f"{missing[0]} is missing: OAuth needs oauth_client_id, oauth_client_key and oauth_key_id"
            )
        for needs, is_asked in (("durable", self.durable), ("overflow='spool'", self.overflow == "spool")):
            if is_asked and not self.spool_dir:
                raise ConfigError(f"spool_dir is missing: {needs} needs a directory")
        if self.enabled and not self.api_key:
            raise ConfigError("api_key is missing: pass the write key, or set SEGMENT_WRITE_KEY")

    def __repr__(self) -> str:
        """Only what differs from the defaults, and never the write key or a proxy's password."""
        hidden = {"api_key", "proxies", "oauth_client_key"}
        told = (
            f"{row.name}={'…' if row.name in hidden else repr(self.__dict__[row.name])}"
            for row in self.describe()
            if row.name == "api_key"
            or self.__dict__[row.name] != _declared(row.name)._keep(row.name, _declared(row.name).default)
        )
        return f"Options({', '.join(told)})"

    @classmethod
    def describe(cls) -> list[OptionRow]:
        """Every option, in the order of the signature, for tables and flags."""
        return [
            OptionRow(option.name, repr(option.default), option.unit, option.doc)
            for option in (_declared(field.name) for field in fields(cls))
        ]


def _declared(name: str) -> Option[Any, Any]:
    return cast("Option[Any, Any]", Options.__dict__[name])


def options_from(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keyword arguments of a caller with `async` under its present name, each known by name.

    Raises:
        TypeError: one is unknown, and the text names the nearest real option; or `async` stands there by both names.
    """
    if "async" in arguments and "async_" in arguments:
        raise TypeError("'async' and 'async_' are one option, given twice")
    known = [field.name for field in fields(Options)]
    renamed = {"async_" if name == "async" else name: value for name, value in arguments.items()}
    for name in renamed:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0)
            raise TypeError(f"{name!r} is not an option; the nearest is {near[0]!r}")
    return renamed
