"""Connections kept alive, replaced and tunnelled; and what of an answer is read."""

from __future__ import annotations

import gzip
from pathlib import Path

import gevent
import pytest
import trustme
from gevent.event import Event
from servers.http_proxy import ProxyServer
from servers.http_wire import OK, Peer, Script, WireServer, keep_answering, server_context

from segment_gevent.delivery.http.session import CONTENT_LIMIT
from segment_gevent.delivery.transport import HttpTransport
from segment_gevent.errors import DeliveryError


@pytest.fixture(autouse=True)
def _no_proxy_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


# Keep-alive


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_many_batches_take_one_connection(scheme: str, certificate_authority: trustme.CA, ca_bundle: Path) -> None:
    """Fifty sends in a row, of one connection and one TLS handshake."""
    tls = server_context(certificate_authority) if scheme == "https" else None
    with WireServer(tls=tls) as server:
        transport = HttpTransport(server.url, verify=str(ca_bundle))
        assert {transport.send(b"{}", {}).status_code for _ in range(50)} == {200}
    assert (server.connections, len(server.requests)) == (1, 50)


def hang_up_on_second(hang_up: Script) -> Script:
    """A server whose first connection answers once, and at its next request only hangs up; the others are good."""

    def script(peer: Peer) -> None:
        if peer.number > 1:
            keep_answering(peer)
            return
        peer.request()
        peer.sock.sendall(OK)
        peer.request()
        hang_up(peer)

    return script


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("hang_up", [lambda peer: peer.sock.close(), Peer.reset], ids=["closed", "reset"])
def test_a_kept_alive_connection_found_closed_is_replaced_at_once(
    hang_up: Script, scheme: str, certificate_authority: trustme.CA, ca_bundle: Path
) -> None:
    """The server closed it as the request was on its way: the same batch goes out once more, on a fresh connection."""
    tls = server_context(certificate_authority) if scheme == "https" else None
    with WireServer(hang_up_on_second(hang_up), tls=tls) as server:
        transport = HttpTransport(server.url, verify=str(ca_bundle))
        transport.send(b"1", {})
        assert transport.send(b"2", {"X-Retry-Count": "3"}).status_code == 200
    assert [(request.body, request.connection) for request in server.requests] == [(b"1", 1), (b"2", 1), (b"2", 2)]
    assert server.requests[-1].headers == server.requests[-2].headers


def test_a_large_body_meets_the_closed_connection_while_it_is_sent() -> None:
    """The write fails, not the read: replaced all the same, and sent whole."""

    def script(peer: Peer) -> None:
        if peer.number > 1:
            keep_answering(peer)
            return
        peer.request()
        peer.sock.sendall(OK)
        peer.sock.recv(1)
        peer.reset()

    body = bytes(10_000_000)
    with WireServer(script) as server:
        transport = HttpTransport(server.url)
        transport.send(b"1", {})
        assert transport.send(body, {}).status_code == 200
    assert server.requests[-1].body == body
    assert server.connections == 2


def test_the_replacement_is_not_replaced() -> None:
    """Once, and not for ever: a server that hangs up on the fresh connection too is an error."""

    def script(peer: Peer) -> None:
        peer.request()
        if peer.number == 1:
            peer.sock.sendall(OK)
            peer.request()

    with WireServer(script) as server:
        transport = HttpTransport(server.url)
        transport.send(b"1", {})
        with pytest.raises(DeliveryError, match="without an answer") as caught:
            transport.send(b"2", {})
    assert caught.value.reason == "connection"
    assert [(request.body, request.connection) for request in server.requests] == [(b"1", 1), (b"2", 1), (b"2", 2)]


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 2", OK[:-1]])
def test_an_answer_that_had_begun_is_not_asked_for_again(begun: bytes) -> None:
    """The server had the batch in its hands: whether it is sent again is for the retry rules to say."""

    def begin(peer: Peer) -> None:
        peer.sock.sendall(begun)

    with WireServer(hang_up_on_second(begin)) as server:
        transport = HttpTransport(server.url)
        transport.send(b"1", {})
        with pytest.raises(DeliveryError):
            transport.send(b"2", {})
    assert server.connections == 1


def test_a_connection_closed_while_idle_costs_no_attempt() -> None:
    """The close was there to see before the request was written."""

    def once(peer: Peer) -> None:
        peer.request()
        peer.sock.sendall(OK)

    with WireServer(once) as server:
        transport = HttpTransport(server.url)
        for n in range(3):
            server.ended.clear()
            assert transport.send(b"%d" % n, {}).status_code == 200
            assert server.ended.wait(timeout=10)
    assert [(request.body, request.connection) for request in server.requests] == [(b"0", 1), (b"1", 2), (b"2", 3)]


def test_batches_in_flight_at_once_each_have_a_connection() -> None:
    """None waits for another, and all connections are kept."""
    together = Event()

    def script(peer: Peer) -> None:
        while peer.request():
            if len(server.requests) >= 4:
                together.set()
            together.wait()
            peer.sock.sendall(OK)

    with WireServer(script) as server:
        transport = HttpTransport(server.url)
        for _ in range(2):
            senders = [gevent.spawn(transport.send, b"{}", {}) for _ in range(4)]
            assert [sender.get(timeout=10).status_code for sender in senders] == [200] * 4
    assert server.connections == 4


# The request


def test_a_netrc_entry_does_not_replace_the_write_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests would: its session prefers ~/.netrc to an Authorization header."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login thief password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with WireServer() as server:
        HttpTransport(server.url).send(b"{}", {"Authorization": "Basic a2V5Og=="})
    assert server.requests[0].headers["authorization"] == "Basic a2V5Og=="


def test_a_cookie_is_not_sent_back() -> None:
    """Each request stands alone."""
    with WireServer(lambda peer: [peer.answer(Set_Cookie="a=b; Path=/") for _ in iter(peer.request, None)]) as server:
        transport = HttpTransport(server.url)
        transport.send(b"{}", {})
        transport.send(b"{}", {})
    assert ["cookie" in request.headers for request in server.requests] == [False, False]


def test_an_ipv6_address_is_a_host() -> None:
    """With brackets in the URL and the Host header, without them for the socket."""
    with WireServer(host="::1") as server:
        assert HttpTransport(server.url).send(b"{}", {}).status_code == 200
    assert server.requests[0].headers["host"] == f"[::1]:{server.server_port}"


# The answer's content


def test_an_endless_answer_is_cut_off() -> None:
    """What a confused server sends for ever costs one mebibyte and the connection."""

    def flood(peer: Peer) -> None:
        peer.request()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                peer.sock.sendall(bytes(65536))
        except OSError:
            pass

    with WireServer(flood) as server:
        response = HttpTransport(server.url).send(b"{}", {})
        assert server.ended.wait(timeout=10)
    assert response.status_code == 200
    assert CONTENT_LIMIT <= len(response.content) < CONTENT_LIMIT + 65536


def test_a_chunked_answer_is_read_and_its_connection_kept() -> None:
    """Chunks are joined; the next batch finds the connection where it was."""
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    with WireServer(lambda peer: [peer.sock.sendall(answer) for _ in iter(peer.request, None)]) as server:
        transport = HttpTransport(server.url)
        assert [transport.send(b"{}", {}).text for _ in range(2)] == ["abcdefg"] * 2
    assert server.connections == 1


@pytest.mark.parametrize(
    ("encoding", "content", "read"),
    [
        ("gzip", gzip.compress(b"fine"), b"fine"),
        ("gzip", b"not gzip at all", b"not gzip at all"),
        ("gzip", gzip.compress(bytes(50_000_000)), bytes(CONTENT_LIMIT)),
        ("br, klingon", b"qapla", b"qapla"),
    ],
    ids=["good", "garbage", "bomb", "unknown"],
)
def test_an_encoding_never_breaks_an_answer(encoding: str, content: bytes, read: bytes) -> None:
    """None was asked for; the status is what counts. A bomb is defused."""
    with WireServer(lambda peer: peer.request() and peer.answer(content, Content_Encoding=encoding)) as server:
        response = HttpTransport(server.url).send(b"{}", {})
    assert response.status_code == 200
    assert response.content == read


# Proxies


@pytest.mark.parametrize("credentials", [None, "user:hunter2"])
@pytest.mark.parametrize("proxy_tls", [False, True], ids=["http-proxy", "https-proxy"])
@pytest.mark.parametrize("target_tls", [False, True], ids=["http-target", "https-target"])
def test_batches_pass_through_a_proxy(
    target_tls: bool, proxy_tls: bool, credentials: str | None, certificate_authority: trustme.CA, ca_bundle: Path
) -> None:
    """Plain targets are forwarded, https ones tunnelled, by proxies of both kinds: TLS in TLS included."""
    context = server_context(certificate_authority)
    with (
        WireServer(tls=context if target_tls else None) as server,
        ProxyServer(credentials=credentials, tls=context if proxy_tls else None) as proxy,
    ):
        transport = HttpTransport(server.url, verify=str(ca_bundle), proxies={"http": proxy.url, "https": proxy.url})
        assert [transport.send(b"body", {"Authorization": "Basic a2V5Og=="}).status_code for _ in range(2)] == [200] * 2
    assert [request.body for request in server.requests] == [b"body"] * 2
    assert server.requests[0].headers["authorization"] == "Basic a2V5Og=="
    assert "proxy-authorization" not in server.requests[0].headers
    lines = {request.line for request in proxy.requests}
    if target_tls:
        assert {line.split()[:2] == ["CONNECT", f"127.0.0.1:{server.server_port}"] for line in lines} == {True}
        assert all("authorization" not in request.headers for request in proxy.requests)
        assert proxy.connections == 1
    else:
        assert lines == {f"POST {server.url} HTTP/1.1"}


def test_a_withheld_answer_in_a_tunnel_in_tls_stalls_nobody(certificate_authority: trustme.CA, ca_bundle: Path) -> None:
    """TLS in TLS waits cooperatively as well: the other greenlet is what lets the server go on."""
    go_on = Event()
    context = server_context(certificate_authority)

    def withhold(peer: Peer) -> None:
        peer.request()
        go_on.wait()
        peer.answer()

    with WireServer(withhold, tls=context) as server, ProxyServer(tls=context) as proxy:
        sender = gevent.spawn(
            HttpTransport(server.url, verify=str(ca_bundle), proxies={"all": proxy.url}).send, b"", {}
        )
        for _ in range(1000):
            gevent.sleep(0.001)
        go_on.set()
        assert sender.get(timeout=10).status_code == 200


@pytest.mark.parametrize("target_tls", [False, True], ids=["http-target", "https-target"])
def test_proxies_come_from_the_environment_unless_told(
    target_tls: bool, certificate_authority: trustme.CA, ca_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY and HTTPS_PROXY count, NO_PROXY excepts hosts, and an empty mapping means none at all."""
    tls = server_context(certificate_authority) if target_tls else None
    with WireServer(tls=tls) as server, ProxyServer(credentials="user:hunter2") as proxy:

        def asked_the_proxy(proxies: dict[str, str] | None = None) -> bool:
            proxy.requests.clear()
            assert HttpTransport(server.url, verify=str(ca_bundle), proxies=proxies).send(b"{}", {}).status_code == 200
            return bool(proxy.requests)

        monkeypatch.setenv("HTTPS_PROXY" if target_tls else "http_proxy", proxy.url)
        assert asked_the_proxy()
        assert not asked_the_proxy({})
        monkeypatch.setenv("NO_PROXY", "elsewhere.example,127.0.0.1")
        assert not asked_the_proxy()
        assert asked_the_proxy({"all": proxy.url})


@pytest.mark.parametrize("target_tls", [False, True], ids=["http-target", "https-target"])
@pytest.mark.parametrize(
    "proxy_url", ["http://user:hunter2@127.0.0.1:1", "socks5://user:hunter2@127.0.0.1:1", "http://user:hunter2@"]
)
def test_a_proxy_of_no_use_is_named_as_the_reason(proxy_url: str, target_tls: bool) -> None:
    """Refused, of an unknown kind or malformed; the password is not shown."""
    url = "https://127.0.0.1:2" if target_tls else "http://127.0.0.1:2"
    with pytest.raises(DeliveryError) as caught:
        HttpTransport(url, proxies={"all": proxy_url}, verify=False).send(b"{}", {})
    assert caught.value.reason == "proxy"
    assert "hunter2" not in str(caught.value)


def test_a_proxy_that_refuses_the_tunnel_is_named_as_the_reason() -> None:
    """With its status, and without the password that it did not like."""
    with ProxyServer(credentials="user:right") as proxy:
        url = proxy.url.replace("right", "hunter2")
        with pytest.raises(DeliveryError, match="407") as caught:
            HttpTransport("https://127.0.0.1:2", proxies={"https": url}, verify=False).send(b"{}", {})
    assert caught.value.reason == "proxy"
    assert "hunter2" not in str(caught.value)


def test_a_proxy_that_refuses_to_forward_has_answered() -> None:
    """Without a tunnel its 407 cannot be told from the server's own."""
    with ProxyServer(credentials="user:right") as proxy:
        transport = HttpTransport("http://127.0.0.1:2", proxies={"http": proxy.url.replace("right", "wrong")})
        assert transport.send(b"{}", {}).status_code == 407
