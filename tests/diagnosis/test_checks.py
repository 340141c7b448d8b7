"""What the doctor makes of facts: each is handed in, and its finding comes out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import segment_gevent
from segment_gevent import Finding, Health, Options, Stats
from segment_gevent.diagnosis.checks import (
    clock,
    delivery,
    key,
    loop,
    oauth,
    options,
    patching,
    proxies,
    reaching,
    server,
    spool,
    trust,
    versions,
)
from segment_gevent.diagnosis.facts import (
    Fork,
    Journey,
    Key,
    Log,
    Loop,
    OAuth,
    Patching,
    Proxies,
    Server,
    Spool,
    SpoolFiles,
    Trust,
    Versions,
)
from segment_gevent.testing import RecordingTransport

PACKAGE = Path(segment_gevent.__file__).parent
ALL = ("socket", "ssl", "select", "threading", "time")
URL = "https://api.example/v1/batch"
OLD = {"gevent": "22.10.2", "greenlet": "3.1", "requests": "2.32.3", "gunicorn": "25.0"}
LATE = {"ssl.SSLContext": ("urllib3.util.ssl_",)}


def names(found: Iterable[Finding]) -> list[str]:
    return [f"{finding.level} {finding.name}" for finding in found]


def only(found: Iterable[Finding], name: str) -> Finding:
    (finding,) = [finding for finding in found if finding.name == name]
    return finding


PATCHINGS = [
    (Patching(patched=ALL), ["ok patched-first"]),
    (Patching(unpatched=ALL), ["note not-patched"]),
    (Patching(patched=ALL, takers=LATE), ["error patched-late"]),
    (Patching(patched=ALL, takers={"time.sleep": ("shop",)}), ["warning holds-unpatched"]),
    (Patching(patched=("socket", "time"), unpatched=("ssl", "select", "threading")), ["warning patched-partly"]),
    (Patching(unpatched=ALL, has_eventlet=True), ["error eventlet", "note not-patched"]),
    (Patching(unpatched=ALL, is_application=False), ["note not-the-application"]),
]


@pytest.mark.parametrize(("facts", "expected"), PATCHINGS)
def test_patching(facts: Patching, expected: list[str]) -> None:
    """Late is wrong, partly is doubtful, and never is the application's choice."""
    assert names(patching.findings(facts, Server())) == expected


def test_the_fix_of_a_late_patch_knows_the_server() -> None:
    """Where a master preloads, or uWSGI can patch by itself, that is the place."""
    facts = Patching(patched=ALL, takers=LATE)
    assert "--preload" in only(patching.findings(facts, Server("gunicorn", preloads=True)), "patched-late").fix
    celery = Server("Celery", worker="pool gevent")
    assert "gevent.monkey --module celery" in only(patching.findings(facts, celery), "patched-late").fix
    uwsgi = Server("uWSGI", lazy_apps=False)
    assert "--gevent-early-monkey-patch" in only(patching.findings(facts, uwsgi), "patched-late").fix


LOOPS = [
    (Loop("libev.corecext", "thread", threads=10, turn=0.001), ["ok resolver"]),
    (Loop("libev.corecext", "ares"), ["note resolver-ares"]),
    (Loop("libev.corecext", "dnspython"), ["note resolver-dnspython"]),
    (Loop("libev.corecext", "block"), ["warning resolver-blocks"]),
    (Loop("libev.corecext", "thread", threads=1), ["ok resolver", "warning few-threads"]),
    (Loop("libev.corecext", "thread", threads=10, busy=12), ["ok resolver", "warning threadpool-full"]),
    (Loop("libev.corecext", "thread", threads=10, turn=0.4), ["ok resolver", "warning slow-hub"]),
    (Loop(problem="GEVENT_RESOLVER=ures"), ["error no-loop"]),
]


@pytest.mark.parametrize(("facts", "expected"), LOOPS)
def test_loop(facts: Loop, expected: list[str]) -> None:
    """What holds up every greenlet is a warning."""
    assert names(loop.findings(facts)) == expected


SERVERS = [
    (Server(), {}, ["ok no-server"]),
    (Server("gunicorn", worker="worker class gevent"), {}, ["ok gevent-worker"]),
    (Server("gunicorn", worker="worker class sync", is_gevent=False), {}, ["error no-hub"]),
    (Server("gunicorn", is_gevent=False), {"async_": False}, ["note no-hub-needed"]),
    (Server("gunicorn", is_master=True), {}, ["ok gevent-worker", "note master"]),
    (Server("gunicorn", preloads=True), {}, ["ok gevent-worker", "ok preloads"]),
    (Server("gunicorn", patience=3.0), {}, ["ok gevent-worker", "warning killed-early"]),
    (Server("gunicorn", patience=3.0), {"shutdown_timeout": 2}, ["ok gevent-worker"]),
    (Server("uWSGI", has_threads=False), {}, ["ok gevent-worker", "warning no-threads", "ok fork-ids"]),
    (Server("Celery", worker="pool prefork", is_gevent=False), {}, ["error no-hub"]),
    (Server(runs_asyncio=True), {}, ["warning asyncio", "ok no-server"]),
]


@pytest.mark.parametrize(("facts", "given", "expected"), SERVERS)
def test_server(facts: Server, given: dict[str, Any], expected: list[str]) -> None:
    """Without a hub that turns nothing is sent, unless the options ask for that."""
    assert names(server.findings(facts, Fork(), Options("key", **given))) == expected


FORKS = [
    (Fork(is_hooked=True), ["ok fork-hooks"]),
    (Fork(threads=2, start_method="fork"), ["warning fork-with-threads"]),
    (Fork(threads=2, start_method="spawn"), []),
    (Fork(hooked_libraries=("ddtrace",)), ["note hooks-of-others"]),
]


@pytest.mark.parametrize(("facts", "expected"), FORKS)
def test_fork(facts: Fork, expected: list[str]) -> None:
    """What a child would meet."""
    assert names(server.findings(Server(), facts, Options("key")))[1:] == expected


VERSIONS = [
    (Versions(installed={"gevent": "26.9.0"}), ["ok versions"]),
    (Versions(installed={"urllib3": "1.26"}, lowest={"urllib3": "2.0.2"}), ["error too-old"]),
    (Versions(python=(3, 13, 1), installed={"gevent": "24.2.1"}), ["error gevent-for-python"]),
    (Versions(installed={"gevent": "22.10.2", "greenlet": "3.1"}), ["warning greenlet-for-gevent"]),
    (Versions(installed={"gevent": "25.9.1"}), ["warning gevent-semaphores"]),
    (Versions(installed={"gevent": "23.9", "gunicorn": "25.0"}), ["error gunicorn-wants-gevent"]),
    (Versions(installed={"gevent": "23.9", "gunicorn": "23.0"}), ["ok versions"]),
    (Versions(has_gil=False), ["error no-gil"]),
    (Versions(implementation="pypy"), ["warning not-cpython"]),
    (Versions(has_official_client=True), ["ok versions", "warning official-client"]),
]


@pytest.mark.parametrize(("facts", "expected"), VERSIONS)
def test_versions(facts: Versions, expected: list[str]) -> None:
    """Alone and together."""
    assert names(versions.findings(facts, Patching())) == expected


@pytest.mark.parametrize("requests", ["2.32.0", "2.32.3", "2.32.4", "2.31"])
def test_a_requests_that_makes_a_context_at_its_import(requests: str) -> None:
    """Of the versions that did, in a process that was patched late, and nowhere else."""
    facts, late = Versions(installed={"requests": requests}), Patching(patched=ALL, takers=LATE)
    is_bad = requests in {"2.32.0", "2.32.3"}
    assert ("error requests-preloads" in names(versions.findings(facts, late))) is is_bad
    assert names(versions.findings(facts, Patching(patched=ALL))) == ["ok versions"]


PROXY = "http://***@proxy.example:3128"
PROXIES = [
    (Proxies(is_known=True), ["ok no-proxies"]),
    (Proxies({"HTTPS_PROXY": PROXY}, chosen=PROXY, is_known=True), ["ok proxy"]),
    (Proxies({"HTTPS_PROXY": PROXY}), ["note proxy-unknown"]),
    (Proxies({"HTTPS_PROXY": PROXY}, no_proxy="api.example", is_known=True), ["note no-proxy"]),
    (Proxies({"HTTP_PROXY": PROXY}, no_proxy="api.example", is_known=True), ["ok no-proxies"]),
    (Proxies({"HTTPS_PROXY": "socks5://p"}, is_known=True, problem="SOCKS"), ["error proxy-unusable"]),
    (Proxies(given={}, is_known=True), ["ok proxies-off"]),
    (Proxies(given={"http": PROXY}, is_known=True), ["warning proxy-for-another-scheme"]),
    (
        Proxies({"https_proxy": "http://a", "HTTPS_PROXY": "http://b"}, chosen="http://a", is_known=True),
        ["warning proxies-differ", "ok proxy"],
    ),
    (Proxies({"HTTP_PROXY": PROXY}, is_cgi=True, is_known=True), ["warning proxy-in-cgi", "ok no-proxies"]),
]


@pytest.mark.parametrize(("facts", "expected"), PROXIES)
def test_proxies(facts: Proxies, expected: list[str]) -> None:
    """Which one serves, and whether that was meant."""
    assert names(proxies.findings(facts)) == expected


BUNDLE = Trust(bundle="/ca.pem", source="certifi", certificates=140)
TRUSTS = [
    (BUNDLE, ["ok certificates"]),
    (Trust(is_off=True), ["warning verify-off"]),
    (Trust(bundle="/no", source="REQUESTS_CA_BUNDLE", problem="No such file or directory"), ["error no-certificates"]),
    (Trust("http", bundle="/no", source="verify", problem="No such file"), ["warning no-certificates"]),
    (
        Trust(bundle="/ca", source="certifi", missing=("SSL_CERT_FILE",)),
        ["warning variable-of-nothing", "ok certificates"],
    ),
    (
        Trust(bundle="/ca", source="certifi", elsewhere={"SSL_CERT_FILE": "/mine"}),
        ["ok certificates", "note variable-not-read"],
    ),
]


@pytest.mark.parametrize(("facts", "expected"), TRUSTS)
def test_trust(facts: Trust, expected: list[str]) -> None:
    """Without certificates no batch goes over https."""
    assert names(trust.findings(facts)) == expected


GOOD = Key(length=32, masked="Wz7…", is_alphanumeric=True)
KEYS = [
    (GOOD, ["ok key"]),
    (Key(), ["error key-missing"]),
    (Key(is_needed=False), []),
    (Key(length=14, is_placeholder=True), ["error key-placeholder"]),
    (Key(length=3, is_placeholder=True, is_for_local=True), ["ok key"]),
    (Key(length=34, is_quoted=True), ["error key-quoted"]),
    (Key(length=90, is_api_token=True), ["error key-of-the-api"]),
    (Key(length=27, is_alphanumeric=True), ["warning key-unusual"]),
    (Key(length=27, is_alphanumeric=True, is_for_segment=False), ["ok key"]),
    (Key(length=32, is_alphanumeric=True, differs_from_environment=True), ["ok key", "note key-twice"]),
]


@pytest.mark.parametrize(("facts", "expected"), KEYS)
def test_key(facts: Key, expected: list[str]) -> None:
    """Segment's are 32 letters and digits; other servers' are what they like."""
    assert names(key.findings(facts)) == expected


JOURNEYS = [
    (Journey(URL, status=200, lookup=0.01), ["ok reached"]),
    (Journey(URL, status=400), ["ok reached"]),
    (Journey(URL, status=401), ["ok reached"]),
    (Journey(URL, status=401, is_with_key=True), ["error key-refused"]),
    (Journey(URL, status=404), ["error no-api"]),
    (Journey(URL, status=404, purpose="tokens"), ["ok reached"]),
    (Journey(URL, status=301), ["error redirected"]),
    (Journey(URL, status=503), ["warning server-trouble"]),
    (Journey(URL, status=200, lookup=3.0), ["ok reached", "warning slow"]),
    (Journey(URL, status=200, days=3.0, issuer="An Authority"), ["ok reached", "warning certificate-ends"]),
    (Journey(URL, failure="dns"), ["error unknown-name"]),
    (Journey(URL, failure="connection"), ["error no-connection"]),
    (Journey(URL, failure="timeout"), ["error no-answer"]),
    (Journey(URL, failure="proxy", via=PROXY), ["error proxy-refuses"]),
    (Journey(URL, failure="transport"), ["error no-request"]),
    (Journey(URL, failure="tls"), ["error no-tls"]),
    (Journey(URL, failure="tls", verify_code=10), ["error certificate-ended"]),
    (Journey(URL, failure="tls", verify_code=9), ["error certificate-early"]),
    (Journey(URL, failure="tls", verify_code=20), ["error unknown-authority"]),
    (Journey(URL, failure="tls", verify_code=62), ["error certificate-of-another"]),
]


@pytest.mark.parametrize(("facts", "expected"), JOURNEYS)
def test_reaching(facts: Journey, expected: list[str]) -> None:
    """How far the way goes, and what ended it; an answer to an empty batch is good whatever it says of that."""
    assert names(reaching.findings(facts, BUNDLE)) == expected


CLOCKS = [
    (0.0, "events", ["ok clock-right"]),
    (-400.0, "events", ["warning clock"]),
    (45.0, "tokens", ["warning clock-for-tokens"]),
    (45.0, "events", ["ok clock-right"]),
    (None, "events", []),
]


@pytest.mark.parametrize(("ahead", "purpose", "expected"), CLOCKS)
def test_clock(ahead: float | None, purpose: str, expected: list[str]) -> None:
    """A token server is stricter than Segment, which corrects timestamps."""
    assert names(clock.findings((Journey(URL, purpose=purpose, ahead=ahead),))) == expected


def spool_facts(**changed: Any) -> Spool:
    return Spool(**{"path": "/spool", "file_system": "ext4", "free": 1 << 40, "bound": 1 << 30, **changed})


SPOOLS = [
    (spool_facts(), ["ok spool"]),
    (spool_facts(files=SpoolFiles(live=2)), ["ok spool"]),
    (spool_facts(is_writable=False), ["error spool-not-writable"]),
    (spool_facts(exists=False, is_writable=False, owner_is_other=True), ["error spool-not-writable"]),
    (spool_facts(is_directory=False), ["error spool-no-directory"]),
    (spool_facts(problem="Permission denied"), ["error spool-unreadable"]),
    (spool_facts(file_system="nfs4"), ["error spool-on-network", "ok spool"]),
    (spool_facts(file_system="tmpfs"), ["warning spool-in-memory", "ok spool"]),
    (spool_facts(mode=0o755), ["warning spool-open", "ok spool"]),
    (spool_facts(free=1 << 20), ["warning spool-space", "ok spool"]),
    (spool_facts(files=SpoolFiles(broken=1)), ["warning spool-broken", "ok spool"]),
    (spool_facts(files=SpoolFiles(left=1, left_messages=9, left_age=7200.0)), ["warning spool-left", "ok spool"]),
    (spool_facts(files=SpoolFiles(left=1, left_messages=9, left_age=60.0)), ["ok spool"]),
]


@pytest.mark.parametrize(("facts", "expected"), SPOOLS)
def test_spool(facts: Spool, expected: list[str]) -> None:
    """A directory that can't be used, and one that is not what it was meant for."""
    assert names(spool.findings(facts)) == expected


OAUTHS = [
    (OAuth(), ["ok oauth-key-good"]),
    (OAuth(problem="it is encrypted"), ["error oauth-key"]),
    (OAuth(is_open_to_others=True, path="/key.pem"), ["warning oauth-key-open", "ok oauth-key-good"]),
    (OAuth(has_token=True), ["ok token"]),
    (OAuth(has_token=False, token_problem="the token server answered 401"), ["error no-token"]),
]


@pytest.mark.parametrize(("facts", "expected"), OAUTHS)
def test_oauth(facts: OAuth, expected: list[str]) -> None:
    """The key, and what the token server says to it."""
    assert names(oauth.findings(facts)) == expected


OPTIONS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["ok options"]),
    ({"host": "http://127.0.0.1:8765"}, ["ok options"]),
    ({"host": "https://events.example/proxy"}, ["ok options"]),
    ({"host": "https://events.example/v1/batch"}, ["error host-with-path"]),
    ({"host": "http://events.example"}, ["warning host-in-clear"]),
    ({"host": "https://api.segment.io", "region": "eu"}, ["error host-of-another-region"]),
    ({"region": "eu"}, ["ok options"]),
    ({"enabled": False}, ["warning disabled"]),
    ({"transport": RecordingTransport()}, ["note own-transport"]),
    ({"outbox": "redis://cache"}, ["note outbox"]),
    ({"sample_rate": 0.5}, ["note sampled"]),
    ({"sample_rate": 0}, ["warning sampled"]),
    ({"max_queue_size": 5}, ["error queue-below-threshold"]),
    ({"async_": False}, ["note sync-in-batches"]),
    ({"async_": False, "flush_at": 1}, ["ok options"]),
    ({"max_retries": 0}, ["warning no-second-chance"]),
    ({"max_retries": 0, "spool_dir": "/spool"}, ["ok options"]),
    ({"send_timeout": 2}, ["warning time-outs"]),
    ({"shutdown_timeout": 0}, ["warning no-time-to-end"]),
    ({"overflow": "block", "block_timeout": 60}, ["note long-block"]),
]


@pytest.mark.parametrize(("given", "expected"), OPTIONS)
def test_options(given: dict[str, Any], expected: list[str]) -> None:
    """Each is valid by itself, or the client would not be there."""
    found = options.findings(Options("key", **given), "", is_initialized=True, log=Log())
    assert names(found) == expected


def test_other_clients() -> None:
    """Are not looked at, and that is said."""
    assert names(options.of_others(0)) == []
    assert names(options.of_others(2)) == ["note several-clients"]


def test_options_that_raise() -> None:
    """Are told in the error's own words; a missing key is the write key's business, and no second finding."""
    found = options.findings(Options("key"), "gzip must be True or False", is_initialized=True, log=Log())
    assert only(found, "options-refused").detail == "gzip must be True or False"
    off = Options(enabled=False)
    assert names(options.findings(off, "api_key is missing: …", is_initialized=True, log=Log())) == ["ok options"]


LOGS = [
    (Log(is_disabled=True, hides_warnings=True), "warning log-disabled"),
    (Log(hides_warnings=True), "note log-silent"),
]


@pytest.mark.parametrize(("log", "expected"), LOGS)
def test_log(log: Log, expected: str) -> None:
    """A logger that says nothing leaves troubles to the counts."""
    assert names(options.findings(Options("key"), "", is_initialized=False, log=log)) == [
        expected,
        "note not-initialized",
    ]


DELIVERIES = [
    (Stats(submitted=2, delivered=2), Health(True, "ok"), ["ok healthy"]),
    (Stats(), Health(False, "the queue is full", pending=9), ["error unhealthy"]),
    (Stats(failed=1), Health(True, "ok"), ["warning failed", "ok healthy"]),
    (Stats(dropped=1, dropped_by_reason={"too_large": 1}), Health(True, "ok"), ["warning dropped", "ok healthy"]),
]


@pytest.mark.parametrize(("stats", "health", "expected"), DELIVERIES)
def test_delivery(stats: Stats, health: Health, expected: list[str]) -> None:
    """What a client has been through."""
    assert names(delivery.findings(stats, health)) == expected


def made() -> dict[str, set[str]]:
    """The name of every finding that a check can make, with its levels."""
    found: dict[str, set[str]] = {}
    for file in (PACKAGE / "diagnosis" / "checks").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"make", *(f"HERE.{each}" for each in LEVELS)}:
                name = node.args[0]
                assert isinstance(name, ast.Constant)
                found.setdefault(str(name.value), set()).add(ast.unparse(node.func))
    return found


LEVELS = ("ok", "note", "warning", "error")


def test_every_finding_is_tested_and_documented() -> None:
    """By its name: here, and on the doctor's page."""
    page = (PACKAGE.parent / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`([a-z-]+)`", page.partition("## What it finds")[2])) == set(made())
    tests = "".join(each.read_text(encoding="utf-8") for each in Path(__file__).parent.glob("*.py"))
    assert [name for name in made() if not re.search(rf"\b{name}\b", tests)] == []
