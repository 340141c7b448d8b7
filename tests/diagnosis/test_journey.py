"""The way to a server, over real sockets: how far it goes, and what is said of what ends it."""

from __future__ import annotations

import json
import threading
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import trustme
from gevent._hub_local import get_hub_if_exists
from servers.http_proxy import ProxyServer
from servers.http_wire import Peer, WireServer, server_context
from servers.local_segment import LocalSegment
from servers.oauth_server import CLIENT_ID, KEY_ID, TokenServer, pem, private_key
from servers.ports import free_port

from segment_gevent import Client, Diagnosis, Options
from segment_gevent.diagnosis.examination import diagnose, examine, process_facts, with_ways
from segment_gevent.diagnosis.facts import Journey
from segment_gevent.diagnosis.gathering.journey import travel

KEY = "Wz7abcdefghijklmnopqrstuvwxyz012"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def host_of(server: WireServer) -> str:
    return server.url.removesuffix("/v1/batch")


def go(host: str, *, within: float = 10.0, **given: Any) -> Journey:
    return travel(f"{host}/v1/batch", Options(KEY, host=host, **given), purpose="events", within=within)


def found(host: str, **given: Any) -> Diagnosis:
    return examine(with_ways(process_facts(Options(KEY, host=host, **given)), 10.0))


def names(diagnosis: Diagnosis, subject: str = "reaching") -> list[str]:
    return [finding.name for finding in diagnosis if finding.subject == subject]


@pytest.mark.parametrize("names", [("host",), ("host", "proxies")])
def test_a_way_that_is_another_is_not_tried(names: tuple[str, ...], segment_server: LocalSegment) -> None:
    """Where what was refused says which server, or by which way; `not-tried` says so."""
    options = Options(KEY, host=segment_server.url)
    diagnosis = examine(with_ways(process_facts(options, "refused", frozenset({*names, "gzip"})), 10.0))
    (finding,) = [finding for finding in diagnosis if finding.subject == "reaching"]
    assert (finding.name, finding.level) == ("not-tried", "note")
    assert finding.detail.startswith(f"Without {' and '.join(names)}, which")
    assert segment_server.summary()["requests"] == 0
    tried = examine(with_ways(process_facts(options, "refused", frozenset({"gzip"})), 10.0))
    assert "reached" in [finding.name for finding in tried]


def test_an_http_server_is_reached_and_gets_no_event(segment_server: LocalSegment) -> None:
    """Each step is timed; its clock is this machine's."""
    journey = go(segment_server.url)
    assert (journey.failure, journey.tls, journey.days) == ("", None, None)
    assert None not in (journey.lookup, journey.connect, journey.answer, journey.status)
    assert journey.addresses == ("127.0.0.1",)
    assert journey.ahead == 0
    assert segment_server.messages() == []


def test_an_https_server_is_reached(segment_server_tls: LocalSegment, ca_bundle: Path) -> None:
    """With the handshake's time, and how long its certificate lasts."""
    journey = go(segment_server_tls.url, verify=ca_bundle)
    assert (journey.failure, journey.tls_version) == ("", "TLSv1.3")
    assert journey.tls is not None
    assert (journey.days or 0) > 14
    assert journey.issuer == "trustme v" + trustme.__version__


def test_a_bundle_without_the_servers_authority(segment_server_tls: LocalSegment) -> None:
    """Is told from other trouble with TLS, and the bundle is named."""
    diagnosis = found(segment_server_tls.url)
    assert names(diagnosis) == ["unknown-authority"]
    (error,) = [finding for finding in diagnosis.errors if finding.subject == "reaching"]
    assert "cacert.pem" in error.title
    assert "verify=" in error.fix


def test_a_certificate_of_another_name(certificate_authority: trustme.CA, ca_bundle: Path) -> None:
    """The server is who it says, and not who was asked for."""
    context = server_context(certificate_authority, "elsewhere.example")
    with WireServer(lambda peer: peer.request(), tls=context) as server:
        assert names(found(host_of(server), verify=ca_bundle)) == ["certificate-of-another"]


def test_a_port_without_tls(segment_server: LocalSegment) -> None:
    """https:// where http:// was meant."""
    assert names(found(segment_server.url.replace("http:", "https:"))) == ["no-tls"]


def test_a_port_where_nobody_listens() -> None:
    """No connection."""
    assert names(found("http://127.0.0.1:9")) == ["no-connection"]


def test_a_name_that_nobody_knows() -> None:
    """`.invalid` is nobody's, by RFC 2606."""
    assert names(found("http://nobody.invalid")) == ["unknown-name"]


def test_a_server_that_says_nothing() -> None:
    """The time that was given ends it, and the step is named."""
    with WireServer(lambda peer: peer.wait_closed()) as server:
        journey = go(host_of(server), within=2)
    assert journey.failure == "timeout"
    assert "an answer" in journey.words


def test_a_key_that_the_server_refuses() -> None:
    """It was sent as delivery sends it, with a batch that has no message."""
    asked = []

    def refuse(peer: Peer) -> None:
        asked.append(peer.request())
        peer.answer(status="401 Unauthorized")

    with WireServer(refuse) as server:
        assert names(found(host_of(server))) == ["key-refused"]
    (request,) = [each for each in asked if each is not None]
    assert request.line == "POST /v1/batch HTTP/1.1"
    assert request.headers["authorization"].startswith("Basic ")
    assert json.loads(request.body) == {"batch": []}


def test_a_clock_that_is_wrong() -> None:
    """By the server's Date."""

    def answer(peer: Peer) -> None:
        peer.request()
        peer.answer(Date=formatdate(time.time() - 600, usegmt=True))

    with WireServer(answer) as server:
        diagnosis = found(host_of(server))
    assert names(diagnosis, "clock") == ["clock"]
    assert "10 min ahead of" in diagnosis.warnings[-1].title


def test_through_a_proxy(segment_server: LocalSegment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment; its password is shown nowhere."""
    with ProxyServer(credentials="ilya:secret") as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        diagnosis = found(segment_server.url)
        assert names(diagnosis) == ["reached"]
        assert names(diagnosis, "proxies") == ["proxy"]
        assert len(proxy.requests) == 1
    assert "secret" not in diagnosis.to_json()
    assert "***@127.0.0.1" in str(diagnosis)


def test_through_a_tunnel(segment_server_tls: LocalSegment, ca_bundle: Path) -> None:
    """The certificate is the server's behind it."""
    with ProxyServer() as proxy:
        journey = go(segment_server_tls.url, verify=ca_bundle, proxies={"https": proxy.url})
    assert journey.failure == ""
    assert journey.via == proxy.url
    assert (journey.days or 0) > 14


def test_a_proxy_that_wants_a_password(segment_server_tls: LocalSegment, ca_bundle: Path) -> None:
    """Is told from a server that does not answer."""
    with ProxyServer(credentials="ilya:secret") as proxy:
        url = proxy.url.replace("ilya:secret@", "")
        diagnosis = found(segment_server_tls.url, verify=ca_bundle, proxies={"https": url})
    assert names(diagnosis) == ["proxy-refuses"]
    assert "user:password@" in diagnosis.errors[-1].fix


def test_a_proxy_of_no_use() -> None:
    """SOCKS would connect by native sockets."""
    diagnosis = found("https://events.example", proxies={"https": "socks5://127.0.0.1:1"})
    assert "proxy-unusable" in names(diagnosis, "proxies")


def test_a_token_is_asked_for(segment_server: LocalSegment) -> None:
    """And the token server's refusal is told in its own words; nothing of the key."""
    key = private_key()
    given = {"oauth_client_id": CLIENT_ID, "oauth_key_id": KEY_ID}
    with TokenServer(key, clock=time.time) as tokens:
        good = found(segment_server.url, **given, oauth_client_key=pem(key), oauth_auth_server=host_of(tokens))
        assert names(good, "OAuth") == ["token"]
        assert good.ok
        other = pem(private_key())
        bad = found(segment_server.url, **given, oauth_client_key=other, oauth_auth_server=host_of(tokens))
        assert names(bad, "OAuth") == ["no-token"]
    assert other.splitlines()[1] not in bad.to_json()


def test_a_native_thread_leaves_no_hub_behind(segment_server: LocalSegment) -> None:
    """Nor the file descriptors of one, where an application without gevent's patches asks in a thread of its own."""

    def ask() -> None:
        found_by.append(diagnose(Client(KEY, host=segment_server.url, enabled=False), network=True, within=10.0))
        found_by.append(get_hub_if_exists())

    found_by: list[Any] = []
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(20)
    diagnosis, hub = found_by
    assert names(diagnosis) == ["reached"]
    assert hub is None


def test_a_client_with_an_outbox_goes_no_way_to_segment() -> None:
    """The relays do, and may be the only ones that can."""
    client = Client(KEY, host=f"http://127.0.0.1:{free_port()}", outbox="redis://cache", enabled=False)
    diagnosis = diagnose(client, network=True, within=10.0)
    assert "outbox" in names(diagnosis, "options")
    assert not diagnosis.errors, str(diagnosis)


def test_an_application_may_be_anywhere(segment_server: LocalSegment, make_client: Any) -> None:
    """A working client's counts are looked at, and its own options."""
    client = make_client(host=segment_server.url, flush_at=1)
    client.track("visitor", event="Clicked")
    assert client.flush(10)
    diagnosis = diagnose(client, network=True, within=10.0)
    assert diagnosis.ok, str(diagnosis)
    assert "1 message in this process: 1 delivered, 0 wait" in str(diagnosis)
