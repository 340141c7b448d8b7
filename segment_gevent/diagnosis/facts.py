"""What is known of the environment, a frozen value a subject. None of them holds a secret: what is kept is masked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from segment_gevent.counters import Health, Stats
from segment_gevent.options import Options


@dataclass(frozen=True)
class Patching:
    """How gevent's patches and the imports before them stand to each other."""

    patched: tuple[str, ...] = ()
    """Of the modules that matter, those that gevent has patched."""
    unpatched: tuple[str, ...] = ()
    takers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The modules that hold a function or class of before the patch, by its name, such as `"time.sleep"`."""
    has_eventlet: bool = False
    is_application: bool = True
    """Whether this process is the application's, and not one of the command's own."""


@dataclass(frozen=True)
class Loop:
    """gevent's loop and resolver in the calling thread."""

    loop: str = ""
    resolver: str = ""
    """One of `thread`, `ares`, `dnspython`, `block`, or a class's name."""
    problem: str = ""
    """Why gevent can't make one, as with a misspelt GEVENT_RESOLVER."""
    threads: int = 0
    """Native threads that the threadpool may have."""
    busy: int = 0
    """Calls in the threadpool that have not ended."""
    turn: float | None = None
    """Seconds that the slowest of a few turns of the loop took; None in the hub, where nothing can wait."""


@dataclass(frozen=True)
class Server:
    """What runs the application."""

    name: str = ""
    """`gunicorn`, `uWSGI`, `Celery`, or "" for a plain process."""
    is_master: bool = False
    worker: str = ""
    """gunicorn's worker class, Celery's pool, uWSGI's loop."""
    is_gevent: bool = True
    preloads: bool = False
    patience: float | None = None
    """Seconds that a worker has to end in."""
    has_threads: bool = True
    """Whether native threads run, which uWSGI prevents unless told otherwise."""
    lazy_apps: bool | None = None
    """uWSGI's; None elsewhere."""
    runs_asyncio: bool = False


@dataclass(frozen=True)
class Fork:
    """What a fork of this process would meet."""

    is_hooked: bool = False
    """Whether the package's `os.register_at_fork` hooks are in place, which the first client sees to."""
    threads: int = 0
    """Native threads besides this one, gevent's and the spool's."""
    start_method: str = ""
    """multiprocessing's, if it was chosen or used."""
    hooked_libraries: tuple[str, ...] = ()
    """Libraries whose own at-fork hooks are known to start threads or wait."""


@dataclass(frozen=True)
class Versions:
    """What is installed."""

    python: tuple[int, ...] = (3, 11)
    implementation: str = "cpython"
    has_gil: bool = True
    installed: Mapping[str, str] = field(default_factory=dict)
    """The version of each project that matters."""
    lowest: Mapping[str, str] = field(default_factory=dict)
    """The lowest version of each that this package works with."""
    has_official_client: bool = False
    """Whether `segment.analytics` is loaded beside this package."""


@dataclass(frozen=True)
class Proxies:
    """The way out."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """Of the environment, passwords masked."""
    no_proxy: str = ""
    given: Mapping[str, str] | None = None
    """The option, masked."""
    scheme: str = "https"
    """The server's."""
    chosen: str | None = None
    """The one on the way to the server, masked, as delivery chooses it."""
    is_known: bool = False
    """Whether `chosen` was asked for: it takes an import of requests."""
    problem: str = ""
    """What is wrong with its URL."""
    is_cgi: bool = False
    """REQUEST_METHOD is set: HTTP_PROXY is ignored then, for it may be a visitor's header."""


@dataclass(frozen=True)
class Trust:
    """Whose certificates count."""

    scheme: str = "https"
    is_off: bool = False
    """`verify=False`."""
    bundle: str = ""
    source: str = ""
    """Who named the bundle: `verify`, `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE` or `certifi`."""
    problem: str = ""
    """Why it can't be read."""
    certificates: int | None = None
    """How many it holds; None for a directory."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """SSL_CERT_FILE and SSL_CERT_DIR, which other programs read."""
    missing: tuple[str, ...] = ()
    """Those of all these variables whose path does not exist."""


@dataclass(frozen=True)
class Journey:
    """One way to one server, step by step, until it ended or failed. Times are in seconds."""

    url: str
    purpose: str = "events"
    """`events` or `tokens`."""
    via: str = ""
    """The proxy, masked."""
    peer: str = ""
    """Whom the first steps lead to, as host:port: the server, or its proxy."""
    addresses: tuple[str, ...] = ()
    lookup: float | None = None
    connect: float | None = None
    tls: float | None = None
    tls_version: str = ""
    answer: float | None = None
    status: int | None = None
    is_with_key: bool = False
    """Whether the request had the write key, so that the status can be about that."""
    ahead: float | None = None
    """Seconds by which the server's clock is ahead of this machine's."""
    days: float | None = None
    """Until the server's certificate ends."""
    issuer: str = ""
    failure: str = ""
    """`dns`, `connection`, `timeout`, `tls`, `proxy` or `transport`; "" if an answer came."""
    words: str = ""
    verify_code: int = 0
    """OpenSSL's, of a certificate that it refused."""


@dataclass(frozen=True)
class Key:
    """The write key's shape."""

    length: int = 0
    masked: str = ""
    is_alphanumeric: bool = False
    is_placeholder: bool = False
    is_quoted: bool = False
    is_api_token: bool = False
    """A token of Segment's Public API, which is another thing."""
    differs_from_environment: bool = False
    is_for_segment: bool = True
    """Whether the host is Segment's own."""
    is_for_local: bool = False
    """Whether the host is this machine, where a local Segment takes any key."""
    is_needed: bool = True


@dataclass(frozen=True)
class SpoolFiles:
    """The files of ended processes in a spool."""

    live: int = 0
    left: int = 0
    left_messages: int = 0
    left_age: float = 0.0
    """Seconds since the oldest of those messages came."""
    broken: int = 0
    newer: int = 0


@dataclass(frozen=True)
class Spool:
    """The spool's directory."""

    path: str
    exists: bool = True
    is_directory: bool = True
    is_writable: bool = True
    """The directory; or its nearest parent, where there is none yet."""
    mode: int = 0o700
    owner_is_other: bool = False
    file_system: str = ""
    """Its type, such as `ext4`; "" where the system doesn't tell."""
    free: int = 0
    """Bytes."""
    used: int = 0
    """Bytes of its files."""
    bound: int = 0
    """`spool_max_bytes`."""
    files: SpoolFiles | None = None
    problem: str = ""


@dataclass(frozen=True)
class OAuth:
    """The key of an OAuth application."""

    problem: str = ""
    is_open_to_others: bool = False
    """Whether the key's file can be read by other users of the machine."""
    path: str = ""
    token_problem: str = ""
    has_token: bool | None = None
    """Whether the token server gave one; None if it was not asked."""


@dataclass(frozen=True)
class Log:
    """Where the client's own words go."""

    is_disabled: bool = False
    """By `logging.config`, which disables loggers that were there before it."""
    hides_warnings: bool = False


@dataclass(frozen=True)
class Facts:
    """All that a doctor knows."""

    options: Options
    problem: str = ""
    """Why the options that were given can't be used; then `options` are those of them that can."""
    refused: frozenset[str] = frozenset()
    """The names of the others."""
    untried: tuple[str, ...] = ()
    """Those of them for whose lack no way to a server was tried."""
    is_initialized: bool = True
    others: int = 0
    """Clients of the process besides the one whose options these are."""
    patching: Patching = Patching()
    loop: Loop = Loop()
    server: Server = Server()
    fork: Fork = Fork()
    versions: Versions = Versions()
    proxies: Proxies = Proxies()
    trust: Trust = Trust()
    key: Key = Key()
    spool: Spool | None = None
    oauth: OAuth | None = None
    log: Log = Log()
    journeys: tuple[Journey, ...] = ()
    stats: Stats | None = None
    health: Health | None = None
