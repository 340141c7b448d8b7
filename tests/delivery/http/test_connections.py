"""Whom a connection trusts, and that waiting for it stalls nobody."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import gevent
import gevent.subprocess
import pytest
import trustme
from gevent.event import Event
from servers.http_wire import OK, Peer, WireServer, server_context

from segment_gevent.delivery.http.connections import PlainConnection
from segment_gevent.delivery.transport import HttpTransport
from segment_gevent.errors import DeliveryError


@pytest.fixture(autouse=True)
def _no_bundle_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)


def refusal(url: str, **options: object) -> DeliveryError:
    """The error of a send that TLS forbids."""
    with pytest.raises(DeliveryError) as caught:
        HttpTransport(url, proxies={}, **options).send(b"{}", {})  # type: ignore[arg-type]
    assert caught.value.reason == "tls"
    return caught.value


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("verify", [None, True])
def test_the_environment_names_the_trusted_authorities(
    variable: str,
    verify: bool | None,
    certificate_authority: trustme.CA,
    ca_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As for requests, in that order; without them certifi's bundle counts, which has no private authority."""
    with WireServer(tls=server_context(certificate_authority)) as server:
        assert "certificate verify failed" in str(refusal(server.url, verify=verify))
        monkeypatch.setenv(variable, str(ca_bundle))
        assert HttpTransport(server.url, verify=verify).send(b"{}", {}).status_code == 200


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl names the files of such a directory")
def test_a_directory_of_certificates_is_trusted(
    certificate_authority: trustme.CA, ca_bundle: Path, tmp_path: Path
) -> None:
    """As OpenSSL wants it: each file named for the hash of its subject."""
    name = subprocess.check_output(["openssl", "x509", "-subject_hash", "-noout", "-in", ca_bundle], text=True).strip()
    shutil.copy(ca_bundle, tmp_path / f"{name}.0")
    with WireServer(tls=server_context(certificate_authority)) as server:
        assert HttpTransport(server.url, verify=str(tmp_path)).send(b"{}", {}).status_code == 200


def test_another_hosts_certificate_is_refused(certificate_authority: trustme.CA, ca_bundle: Path) -> None:
    """A good certificate, for someone else."""
    with WireServer(tls=server_context(certificate_authority, "elsewhere.example")) as server:
        assert "127.0.0.1" in str(refusal(server.url, verify=str(ca_bundle)))
    assert server.requests == []


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_verification_can_be_turned_off(certificate_authority: trustme.CA) -> None:
    """`verify=False` takes any certificate, for any name; urllib3 warns of it."""
    with WireServer(tls=server_context(certificate_authority, "elsewhere.example")) as server:
        assert HttpTransport(server.url, verify=False).send(b"{}", {}).status_code == 200


def test_an_outdated_tls_version_is_refused(certificate_authority: trustme.CA, ca_bundle: Path) -> None:
    """Less than TLS 1.2 is not spoken, whatever the server would like."""
    context = server_context(certificate_authority)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with WireServer(tls=context) as server:
        refusal(server.url, verify=str(ca_bundle))


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_bundle_of_no_use_is_a_tls_error(content: str | None, tmp_path: Path) -> None:
    """Missing, empty or something else: said with its path at the warm-up and at each send, and printed nowhere."""
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    transport = HttpTransport("https://127.0.0.1:1", verify=str(bundle))
    for attempt in (transport.warm_up, lambda: transport.send(b"{}", {})):
        with pytest.raises(DeliveryError) as caught:
            attempt()
        assert caught.value.reason == "tls"
        assert f"no CA certificates in {bundle}: " in str(caught.value)


def test_a_server_without_tls_is_a_tls_error() -> None:
    """https to a port that speaks http."""
    with WireServer(lambda peer: peer.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        refusal(server.url.replace("http:", "https:"), verify=False)


def test_reading_the_trusted_certificates_leaves_the_hub_free(ca_bundle: Path) -> None:
    """Another greenlet has its turn within the warm-up, which waits for a native thread."""
    turns: list[None] = []
    other = gevent.spawn(turns.append, None)
    HttpTransport("https://127.0.0.1:1", verify=str(ca_bundle)).warm_up()
    assert turns == [None]
    other.get()


def test_the_first_sends_of_two_greenlets_share_a_session(certificate_authority: trustme.CA, ca_bundle: Path) -> None:
    """Both wait for the certificates; the one that is late takes the session of the other."""
    together = Event()

    def script(peer: Peer) -> None:
        peer.request()
        if len(server.requests) == 2:
            together.set()
        together.wait()
        peer.sock.sendall(OK)

    with WireServer(script, tls=server_context(certificate_authority)) as server:
        transport = HttpTransport(server.url, verify=str(ca_bundle))
        senders = [gevent.spawn(transport.send, b"{}", {}) for _ in range(2)]
        assert [sender.get(timeout=10).status_code for sender in senders] == [200, 200]
    assert server.connections == 2


def test_a_program_that_never_yields_sends_at_its_exit(certificate_authority: trustme.CA, ca_bundle: Path) -> None:
    """Names are looked up and certificates read within atexit, where Python starts no new threads."""
    program = (
        "import atexit, sys; from segment_gevent.delivery.transport import HttpTransport\n"
        "transport = HttpTransport(sys.argv[1], verify=sys.argv[2], proxies={})\n"
        "atexit.register(lambda: (print(transport.send(b'{}', {}).status_code), transport.close()))\n"
    )
    with WireServer(tls=server_context(certificate_authority)) as server:
        command = [sys.executable, "-c", program, server.url_for("localhost"), str(ca_bundle)]
        done = gevent.subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert (done.stdout, done.stderr) == (b"200\n", b"")


def test_an_interrupted_answer_can_be_closed() -> None:
    """As Python closes what Ctrl-C left half-made; an error in that would be printed after the KeyboardInterrupt."""

    class Interrupted:
        def makefile(self, _mode: str) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        PlainConnection.response_class(Interrupted())  # type: ignore[arg-type]
    caught.traceback[-2].frame.f_locals["self"].close()
