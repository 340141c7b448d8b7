"""The options: each one's name, type, unit, default, check and documentation, in one place.

`Options` is a frozen dataclass whose fields are descriptors: what a caller may give and what the code reads
differ (`flush_after` takes seconds or a timedelta and reads as seconds), and type checkers see both. `initialize` and
`Client` take their signatures from it, and the table of the docs and the command's flags are generated from it.
"""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast, overload

from segment_gevent import checks
from segment_gevent.checks import BeforeSend, LeftOut
from segment_gevent.errors import ConfigError

if TYPE_CHECKING:
    from segment_gevent.delivery.transport import Transport

Given = TypeVar("Given")
Kept = TypeVar("Kept")
Seconds = float | timedelta


class Option(Generic[Given, Kept]):
    """One option: takes a `Given`, checks it, and reads as a `Kept`."""

    def __init__(
        self,
        default: Given,
        keep: Callable[[str, object], Kept],
        *,
        unit: str,
        doc: str,
        env: str = "",
        flag: str = "",
    ) -> None:
        self.default = default
        self.unit = unit
        self.doc = doc
        self.env = env
        self.flag = flag
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
        try:
            options.__dict__[self.name] = self._keep(self.name, given)
        except ConfigError as error:
            if given is value:
                raise
            raise ConfigError(f"{error}; it comes from {self.env}") from None
        except Exception as error:  # of the value's own methods
            raise ConfigError(f"{self.name} of type {type(value).__name__} cannot be read") from error


EU_HOST = "https://events.eu1.segmentapis.com"
EU_AUTH_SERVER = "https://oauth2.eu1.segmentapis.com"


class OptionRow(NamedTuple):
    """One option as the documentation and the command show it."""

    name: str
    default: str
    unit: str
    doc: str
    flag: str
    """The command's, for an option that says how batches reach the server; "" for the others."""


@dataclass(frozen=True, repr=False)
class Options:
    """How a client behaves; made by `initialize` and `Client` from their arguments, and read-only after that.

    Raises:
        ConfigError: an option has a wrong type or value.
    """

    api_key: Option[str | None, str] = Option(
        None,
        checks.write_key,
        unit="write key",
        flag="--write-key",
        env="SEGMENT_WRITE_KEY",
        doc="The source's write key; without it `SEGMENT_WRITE_KEY` serves.",
    )
    _: KW_ONLY
    host: Option[str, str] = Option(
        LeftOut("https://api.segment.io"),
        checks.address,
        unit="URL",
        flag="--host",
        env="SEGMENT_HOST",
        doc="Where `/v1/batch` is, with or without a path before it; left out, `SEGMENT_HOST` serves.",
    )
    region: Option[str, str] = Option(
        "us",
        checks.one_of("us", "eu"),
        unit="us or eu",
        flag="--region",
        doc="`eu` sends to Segment's servers in the EU, where no host is given.",
    )
    flush_at: Option[int, int] = Option(
        10,
        checks.count(1),
        unit="messages",
        doc="So many waiting messages start a flush. A threshold, not a batch size; 1 sends each at once.",
    )
    flush_after: Option[Seconds, float] = Option(
        10, checks.seconds, unit="seconds", doc="No message waits longer than this for a flush."
    )
    async_: Option[bool, bool] = Option(
        True,
        checks.switch,
        unit="",
        doc="False sends in the greenlet that calls, when a flush is due. `async` works too, in `**{...}`.",
    )
    max_queue_size: Option[int, int] = Option(
        100_000,
        checks.count(1),
        unit="messages",
        doc="So many may wait, those in flight not counted; past it `overflow` says what happens.",
    )
    max_queue_bytes: Option[int, int] = Option(
        64 * 1024 * 1024, checks.count(1), unit="bytes", doc="The same in bytes of encoded messages."
    )
    overflow: Option[str, str] = Option(
        "drop_newest",
        checks.one_of("drop_newest", "drop_oldest", "block", "spool"),
        unit="policy",
        doc="What a full queue does: `drop_newest` refuses the call, `drop_oldest` lets the oldest message go, "
        "`block` waits cooperatively for room, `spool` puts the oldest messages on disk.",
    )
    block_timeout: Option[Seconds, float] = Option(
        5,
        checks.seconds,
        unit="seconds",
        doc='What a call waits for room at most, with `overflow="block"`; then it is refused.',
    )
    spool_dir: Option[str | os.PathLike[str], str] = Option(
        "",
        checks.path,
        unit="path",
        doc="A directory for messages that can't be delivered now; all workers of a machine share it.",
    )
    spool_max_bytes: Option[int, int] = Option(
        1 << 30, checks.count(1 << 20), unit="bytes", doc="The directory's bound; past it the oldest messages go."
    )
    spool_max_age: Option[Seconds, float] = Option(
        7 * 24 * 3600, checks.some_seconds, unit="seconds", doc="Messages that were on disk for longer go."
    )
    durable: Option[bool | str, bool | str] = Option(
        False,
        checks.durable,
        unit="mode",
        doc='True has every message on disk within `journal_interval`; `"sync"` has the call wait until it is; '
        "in the hub, and where the disk fails, that answers False and goes on from memory.",
    )
    journal_interval: Option[Seconds, float] = Option(
        0.02, checks.some_seconds, unit="seconds", doc="What a killed process loses at most, with `durable=True`."
    )
    log: Option[bool, bool] = Option(True, checks.switch, unit="", doc="False silences the client.")
    log_level: Option[int | str, int] = Option(
        logging.INFO, checks.level, unit="level", doc="The level of the logger `segment_gevent`."
    )
    timeout: Option[Seconds | tuple[Seconds, Seconds], tuple[float, float]] = Option(
        (5.0, 15.0),
        checks.connect_and_read,
        unit="seconds",
        flag="--timeout",
        doc="To connect, and between two pieces of an answer; one number serves for both.",
    )
    send_timeout: Option[Seconds, float] = Option(
        30,
        checks.some_seconds,
        unit="seconds",
        flag="--send-timeout",
        doc="For one attempt as a whole, from look-up to last byte.",
    )
    flush_timeout: Option[Seconds, float] = Option(
        30, checks.seconds, unit="seconds", doc="What `flush()` waits at most if it is not told."
    )
    shutdown_timeout: Option[Seconds, float] = Option(
        5,
        checks.seconds,
        unit="seconds",
        doc="What `shutdown()` and the interpreter's exit wait at most if they are not told.",
    )
    stall_warning: Option[Seconds | None, float] = Option(
        60,
        checks.seconds_or_never,
        unit="seconds",
        doc="When the oldest message has waited for so long, the log says so, once; None or 0 keeps silent.",
    )
    max_retries: Option[int, int] = Option(
        10, checks.count(0), unit="retries", doc="So many more attempts after the first."
    )
    max_retry_duration: Option[Seconds, float] = Option(
        43_200,
        checks.seconds,
        unit="seconds",
        doc="A batch is not tried again when its first attempt is longer ago than this.",
    )
    max_rate_limit_duration: Option[Seconds, float] = Option(
        1_800,
        checks.seconds,
        unit="seconds",
        doc="A batch that only rate limits hold up is given up after so long; they do not count as retries.",
    )
    gzip: Option[bool, bool] = Option(False, checks.switch, unit="", doc="Compress request bodies.")
    gzip_level: Option[int, int] = Option(
        1, checks.count(1, 9), unit="1 to 9", doc="1 is the fastest; 9 costs seven times as much for little."
    )
    proxies: Option[Mapping[str, str] | None, Mapping[str, str] | None] = Option(
        None,
        checks.proxies,
        unit="scheme to URL",
        flag="--proxy",
        doc="As in requests; left out, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` serve.",
    )
    verify: Option[bool | str | os.PathLike[str] | None, bool | str | None] = Option(
        None,
        checks.ca_bundle,
        unit="path",
        flag="--verify",
        doc="A CA file or folder, or False; left out, `REQUESTS_CA_BUNDLE` or certifi's serves.",
    )
    max_in_flight: Option[int, int] = Option(
        1, checks.count(1), unit="batches", doc="So many are sent at a time; with more than 1 their order can change."
    )
    before_send: Option[BeforeSend | None, BeforeSend | None] = Option(
        None,
        checks.hook,
        unit="function",
        doc="Gets each message as a dict and returns it, changed or not, or None to drop it. Runs in the call.",
    )
    default_context: Option[Mapping[str, Any] | None, Mapping[str, Any]] = Option(
        None,
        checks.values,
        unit="mapping",
        doc="Goes into the context of every message, under the call's own.",
    )
    default_integrations: Option[Mapping[str, Any] | None, Mapping[str, Any]] = Option(
        None, checks.values, unit="mapping", doc="The same for `integrations`."
    )
    sample_rate: Option[float, float] = Option(
        1.0,
        checks.share,
        unit="0 to 1",
        doc="The share of users whose messages are sent; which users, their ids decide, always the same.",
    )
    oauth_client_id: Option[str, str] = Option(
        "",
        checks.text,
        unit="id",
        flag="--oauth-client-id",
        doc="Of the OAuth application; with it, batches carry a token.",
    )
    oauth_client_key: Option[str | os.PathLike[str], str] = Option(
        "",
        checks.text,
        unit="PEM",
        flag="--oauth-client-key",
        doc="Its private key: PEM text, or the path of a file with it.",
    )
    oauth_key_id: Option[str, str] = Option(
        "", checks.text, unit="id", flag="--oauth-key-id", doc="Of the public key, as Segment shows it."
    )
    oauth_auth_server: Option[str, str] = Option(
        LeftOut("https://oauth2.segment.io"),
        checks.address,
        unit="URL",
        flag="--oauth-auth-server",
        doc="Where tokens come from; left out, the server of the `region`.",
    )
    oauth_scope: Option[str, str] = Option(
        "tracking_api:write", checks.text, unit="scope", flag="--oauth-scope", doc="What the token is for."
    )
    enabled: Option[bool, bool] = Option(
        True, checks.switch, unit="", doc="False checks and counts calls and sends nothing; no key is needed."
    )
    outbox: Option[str, str] = Option(
        LeftOut(""),
        checks.outbox,
        unit="Redis URL",
        flag="--outbox",
        env="SEGMENT_OUTBOX",
        doc="A Redis whose stream takes the batches, for relays to send; left out, `SEGMENT_OUTBOX` serves.",
    )
    transport: Option["Transport | None", "Transport | None"] = Option(
        None,
        checks.transport,
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

        if self.uses_outbox and self.oauth_client_id:
            raise ConfigError("oauth_client_id goes to the relay, which asks for tokens, and not with outbox")

    @property
    def uses_outbox(self) -> bool:
        """Whether batches go to a stream in Redis; a `transport` goes over it."""
        return bool(self.outbox) and self.transport is None

    @property
    def changes_messages(self) -> bool:
        """Whether a call's message may become another, or be dropped, before it is queued."""
        return bool(self.before_send or self.default_context or self.default_integrations or self.sample_rate < 1)

    def __repr__(self) -> str:
        """Only what differs from the defaults, and never the write key or a proxy's or outbox's password."""
        hidden = {"api_key", "proxies", "oauth_client_key", "outbox"}
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
            OptionRow(option.name, repr(option.default), option.unit, option.doc, option.flag)
            for option in (_declared(field.name) for field in fields(cls))
        ]


def _declared(name: str) -> Option[Any, Any]:
    return cast("Option[Any, Any]", Options.__dict__[name])


def options_from(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keyword arguments of a caller with `async` under its present name, each known by name.

    Raises:
        TypeError: one is unknown, and the text names a real option that is spelt much like it, if there is one; or
            `async` stands there by both names.
    """
    if "async" in arguments and "async_" in arguments:
        raise TypeError("'async' and 'async_' are one option, given twice")
    known = [field.name for field in fields(Options)]
    renamed = {"async_" if name == "async" else name: value for name, value in arguments.items()}
    for name in renamed:
        if name not in known:
            import difflib  # for a mistake only

            near = difflib.get_close_matches(name, known, n=1)
            raise TypeError(f"{name!r} is not an option" + (f"; the nearest is {near[0]!r}" if near else ""))
    return renamed
