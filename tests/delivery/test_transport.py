"""The HTTP transport as the flusher uses it: any answer comes back, anything else is a DeliveryError."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import gevent
import gevent.subprocess
import pytest
import trustme
from gevent.event import Event
from servers.http_wire import OK, Peer, Script, WireServer, keep_answering, server_context

from segment_gevent.delivery.transport import HttpTransport
from segment_gevent.errors import DeliveryError

PROGRAMS = Path(__file__).parent.parent / "programs"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROGRAMS.parent.parent), "NO_PROXY": "*"}
HEADERS = {"Content-Type": "application/json", "Authorization": "Basic c2VjcmV0Og==", "User-Agent": "segment-gevent/x"}


def run(program: str, *arguments: object, options: tuple[str, ...] = ()) -> Any:
    """Run one of the programs to its silent end, and meanwhile the hub, whose servers it talks to."""
    command = [sys.executable, *options, str(PROGRAMS / program), *map(str, arguments)]
    pipe = subprocess.PIPE
    done = gevent.subprocess.run(command, stdout=pipe, stderr=pipe, timeout=60, env=ENVIRONMENT)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return json.loads(done.stdout) if done.stdout else None


def test_importing_the_transport_loads_neither_ssl_nor_requests() -> None:
    """An application that patches after importing this package keeps its own HTTPS."""
    code = (
        "import sys, segment_gevent.delivery.transport\n"
        "print([name for name in ('ssl', 'requests', 'urllib3', 'http.client') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True, env=ENVIRONMENT).strip() == "[]"


def test_requests_that_cannot_be_imported_is_a_delivery_error(tmp_path: Path) -> None:
    """Whatever is wrong with the installation is reported like the rest."""
    (tmp_path / "requests.py").write_text("raise RecursionError\n")
    code = (
        "from segment_gevent.delivery.transport import DeliveryError, HttpTransport\n"
        "try: HttpTransport('http://127.0.0.1:1').send(b'', {})\n"
        "except DeliveryError as error: print(error.reason, error)"
    )
    environment = {**ENVIRONMENT, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ENVIRONMENT['PYTHONPATH']}"}
    said = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
    assert said.strip() == "transport requests cannot be used: RecursionError"


def test_a_batch_arrives_as_it_was_given() -> None:
    """POST, the path, the body and the headers; nothing is added but what HTTP needs."""
    with WireServer() as server:
        assert HttpTransport(server.url).send(b'{"batch":[]}', HEADERS).json() == {"success": True}
    (request,) = server.requests
    assert (request.line, request.body) == ("POST /v1/batch HTTP/1.1", b'{"batch":[]}')
    assert request.headers == {
        "host": f"127.0.0.1:{server.server_port}",
        "accept-encoding": "identity",
        "content-length": "12",
        "content-type": "application/json",
        "authorization": "Basic c2VjcmV0Og==",
        "user-agent": "segment-gevent/x",
    }


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "302 Found", "400 Bad Request", "429 Slow", "503 Away"])
def test_any_answer_is_returned_and_none_is_followed(status: str) -> None:
    """A redirect to another place is an answer like any other; its headers can be read."""
    with (
        WireServer() as elsewhere,
        WireServer(
            lambda peer: peer.request() and peer.answer(b"", status=status, Location=elsewhere.url, Retry_After="7")
        ) as server,
    ):
        response = HttpTransport(server.url).send(b"{}", HEADERS)
    assert response.status_code == int(status[:3])
    assert response.headers["retry-after"] == "7"
    assert elsewhere.requests == []


def test_an_answer_outlives_its_connection() -> None:
    """Callbacks read text, headers and status when the transport is closed."""

    def greet(peer: Peer) -> None:
        peer.request()
        peer.answer("naïve".encode(), Content_Type="text/plain; charset=utf-8")

    with WireServer(greet) as server:
        transport = HttpTransport(server.url)
        response = transport.send(b"{}", {})
        transport.close()
    assert (response.text, response.ok) == ("naïve", True)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_neither_answer_nor_error_keeps_body_or_credentials() -> None:
    """What reaches callbacks and error trackers holds no write key, by way of the request that it refers to."""
    with WireServer(lambda peer: peer.request() and peer.answer()) as server:
        transport = HttpTransport(server.url)
        request = transport.send(b"secret", HEADERS).request
        server.stop(timeout=0)
        with pytest.raises(DeliveryError) as caught:
            transport.send(b"secret", HEADERS)
    failed: Any = caught.value.__cause__
    for kept in (request, failed.request):
        assert kept.body is None
        assert "Authorization" not in kept.headers


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("order", ["never", "first", "last"])
def test_every_patch_order_delivers_while_other_greenlets_run(
    order: str, scheme: str, certificate_authority: trustme.CA, ca_bundle: Path
) -> None:
    """Not patched, patched first, or patched after requests and ssl: while the server withholds its answer,
    another greenlet takes 1,000 turns, and only then lets the server go on."""
    turns_taken = Event()

    def withhold(peer: Peer) -> None:
        while peer.request():
            turns_taken.wait()
            peer.answer()

    tls = server_context(certificate_authority) if scheme == "https" else None
    with WireServer(withhold, tls=tls) as server, WireServer(lambda peer: turns_taken.set()) as control:
        result = run("transport_order.py", order, server.url, ca_bundle, control.server_port)
    assert result == [200, 200, 200]
    assert server.connections == 1


def test_each_hub_has_its_own_connections(segment_server: Any) -> None:
    """One transport, used from two native threads at once: a gevent socket works in its own hub only."""
    transport = HttpTransport(f"{segment_server.url}/v1/batch")
    statuses: list[int] = []

    def send_some() -> None:
        statuses.extend(transport.send(b"{}", {}).status_code for _ in range(10))
        gevent.get_hub().destroy()

    threads = [threading.Thread(target=send_some) for _ in range(3)]
    for thread in threads:
        thread.start()
    send_some_here = [transport.send(b"{}", {}).status_code for _ in range(10)]
    for thread in threads:
        thread.join()
    assert len(statuses) == 30
    assert set(statuses + send_some_here) == {statuses[0]}
    transport.close()


def test_the_session_of_an_ended_thread_goes_with_it() -> None:
    """Its socket is closed when the next thread sends for the first time, though its hub is gone by then."""
    with WireServer() as server:
        assert run("transport_threads.py", server.url) == [1, 1, 1]


def test_close_lets_go_of_connections_and_a_later_send_opens_one() -> None:
    """Closing twice, or before anything was sent, is nothing."""
    with WireServer() as server:
        transport = HttpTransport(server.url)
        transport.close()
        transport.send(b"{}", {})
        transport.close()
        transport.close()
        assert server.ended.wait(timeout=10)
        assert transport.send(b"{}", {}).status_code == 200
        assert server.connections == 2


def test_close_from_another_thread_closes_through_the_hub() -> None:
    """A thread does not touch another's event loop: it asks."""
    with WireServer() as server:
        transport = HttpTransport(server.url)
        transport.send(b"{}", {})
        thread = threading.Thread(target=transport.close)
        thread.start()
        thread.join()
        assert server.ended.wait(timeout=10)


def test_close_within_the_hub_does_not_switch() -> None:
    """A callback of the event loop may close too, where nothing may wait."""
    done = Event()
    with WireServer() as server:
        transport = HttpTransport(server.url)
        transport.send(b"{}", {})
        gevent.get_hub().loop.run_callback(lambda: (transport.close(), done.set()))
        assert done.wait(timeout=10)
        assert server.ended.wait(timeout=10)


@pytest.mark.parametrize("interruption", [gevent.Timeout(), gevent.GreenletExit(), KeyboardInterrupt()])
def test_an_interruption_passes_through_and_costs_its_connection(interruption: BaseException) -> None:
    """The late answer of an interrupted send can never be taken for that of the next."""
    arrived = Event()

    def late_then_good(peer: Peer) -> None:
        peer.request()
        if peer.number == 1:
            arrived.set()
            peer.wait_closed()
            return
        peer.answer(b"mine")

    with WireServer(late_then_good) as server:
        transport = HttpTransport(server.url)
        caught: list[BaseException] = []

        def send() -> None:
            try:
                transport.send(b"{}", {})
            except BaseException as error:
                caught.append(error)

        sender = gevent.spawn(send)
        assert arrived.wait(timeout=10)
        sender.kill(interruption)
        assert caught == [interruption]
        assert server.ended.wait(timeout=10)
        assert transport.send(b"{}", {}).text == "mine"
        assert server.connections == 2


def answering(raw: bytes) -> Script:
    """A server that reads a request, writes `raw` and hangs up."""
    return lambda peer: peer.request() and peer.sock.sendall(raw)


FAULTS = {
    "silent": (lambda peer: peer.request() and peer.wait_closed(), "timeout"),
    "slow headers": (lambda peer: peer.sock.sendall(b"HTTP/1.1 200") or peer.wait_closed(), "timeout"),
    "slow content": (lambda peer: peer.sock.sendall(OK[:-1]) or peer.wait_closed(), "timeout"),
    "closed": (answering(b""), "connection"),
    "reset": (lambda peer: peer.request() and peer.reset(), "connection"),
    "garbage": (answering(b"SSH-2.0-secret\r\n\r\n"), "connection"),
    "status cut short": (answering(b"HTTP/1.1 2"), "connection"),
    "content cut short": (answering(OK[:-1]), "connection"),
    "bad chunk": (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n"), "connection"),
}


def after_one_answer(script: Script) -> Script:
    """The same on a first connection that was good for one request, and on those that replace it."""

    def answer_once(peer: Peer) -> None:
        if peer.number == 1:
            peer.request()
            peer.sock.sendall(OK)
        script(peer)

    return answer_once


@pytest.mark.parametrize("is_first", [True, False], ids=["new", "kept-alive"])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_does_not_come_whole_is_a_delivery_error(fault: str, is_first: bool) -> None:
    """The reason is a word, the cause the original, and the text shows nothing of either side's bytes."""
    script, reason = FAULTS[fault]
    with WireServer(script if is_first else after_one_answer(script)) as server:
        transport = HttpTransport(server.url, timeout=(5, 1 if reason == "timeout" else 20))
        if not is_first:
            transport.send(b"first", HEADERS)
        with pytest.raises(DeliveryError) as caught:
            transport.send(b"secret", HEADERS)
    assert caught.value.reason == reason
    assert isinstance(caught.value.__cause__, Exception)
    assert caught.value.response is None
    assert server.url in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/v1/batch", "connection"),
        ("http://nowhere.invalid/v1/batch", "dns"),
        (f"http://{'a' * 64}.example/v1/batch", "dns"),
        ("http://user:hunter2@[::1/v1/batch", "transport"),
        ("ftp://user:hunter2@127.0.0.1/v1/batch", "transport"),
        ("nothing", "transport"),
    ],
)
def test_a_server_that_cannot_be_reached_is_a_delivery_error(url: str, reason: str) -> None:
    """Nobody listens, the name is unknown, or the URL is none; credentials in it are not shown."""
    with pytest.raises(DeliveryError) as caught:
        HttpTransport(url, proxies={}).send(b"{}", HEADERS)
    assert caught.value.reason == reason
    assert "hunter2" not in str(caught.value)


def test_a_handshake_that_never_ends_is_a_time_out() -> None:
    """The connect time-out includes TLS; the socket is closed."""
    with WireServer(lambda peer: peer.wait_closed()) as server, pytest.raises(DeliveryError) as caught:
        HttpTransport(server.url.replace("http:", "https:"), timeout=(0.2, 5), verify=False).send(b"{}", {})
    assert caught.value.reason == "timeout"
    assert server.ended.wait(timeout=10)


@pytest.mark.parametrize("end", ["closed", "open"])
def test_a_program_ends_without_a_word(end: str, certificate_authority: trustme.CA, ca_bundle: Path) -> None:
    """No "greenlet is being finalized" and no unclosed socket, closed or not."""
    with WireServer() as plain, WireServer(tls=server_context(certificate_authority)) as tls:
        run("transport_exit.py", plain.url, tls.url, ca_bundle, end, options=("-X", "dev") if end == "closed" else ())


@pytest.mark.parametrize("hook", ["hook", "no-hook"])
def test_a_forked_child_opens_its_own_connections(
    hook: str, certificate_authority: trustme.CA, ca_bundle: Path
) -> None:
    """Parent and child send on at once; the parent's connections, one in its TLS handshake, stay good."""
    context = server_context(certificate_authority)
    hello, all_sent = Event(), Event()

    def plain_script(peer: Peer) -> None:
        while request := peer.request():
            if request.body == b"is the handshake under way?":
                hello.wait()
            peer.answer()

    def silent_script(peer: Peer) -> None:
        peer.sock.recv(1, gevent.socket.MSG_PEEK)
        hello.set()
        all_sent.wait()
        keep_answering(Peer(context.wrap_socket(peer.sock, server_side=True), peer.number, silent.requests))

    def tls_script(peer: Peer) -> None:
        while request := peer.request():
            if request.body == b"parent again":
                all_sent.set()
            peer.answer()

    with (
        WireServer(plain_script) as plain,
        WireServer(tls_script, tls=context) as tls,
        WireServer(silent_script) as silent,
    ):
        silent_url = silent.url.replace("http:", "https:")
        result = run("transport_fork.py", plain.url, tls.url, silent_url, ca_bundle, hook)

    assert result["parent"] == [200, 200, 200]
    assert result["child"]["statuses"] == [200, 200]
    assert result["child"]["closed"] == (3 if hook == "hook" else 0)
    for server in (plain, tls):
        on = {request.body: request.connection for request in server.requests}
        assert on[b"parent"] == on[b"parent again"] == 1
        assert on[b"child"] == 2
    assert [request.body for request in silent.requests] == [b"parent"]


def test_a_forked_child_never_writes_to_its_parents_connection() -> None:
    """The last guard, for code that a fork caught in its midst: an error, and the connection is the parent's alone."""
    with WireServer() as server:
        run("transport_foreign.py", server.server_port)
    assert [(request.body, request.connection) for request in server.requests] == [(b"parent", 1), (b"parent again", 1)]
