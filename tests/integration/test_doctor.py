"""`diagnose()` in real processes: under the servers that run applications, patched or not."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from servers.arrivals import Arrivals
from servers.program import ROOT
from servers.web_server import WebServer, gunicorn, uwsgi

APP = "diagnosed_app:application"


def found(server: WebServer, path: str = "/") -> dict[str, str]:
    """The level of each finding, by its name, of a worker's `diagnose()`."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    connection.request("GET", path)
    told = json.loads(connection.getresponse().read())
    connection.close()
    return {each["name"]: each["level"] for each in told["findings"]}


def test_under_gunicorn(http_arrivals: Arrivals) -> None:
    """Its gevent worker patches first, and delivers."""
    with gunicorn(http_arrivals.environment, app=APP, workers=1) as server:
        levels = found(server)
    assert {"patched-first", "gevent-worker", "fork-hooks", "reached", "healthy"} <= set(levels)
    assert set(levels.values()) == {"ok"}


def test_under_a_gunicorn_that_preloads_an_application_that_patches_late(http_arrivals: Arrivals) -> None:
    """The master and its workers say so; the master knows that it is one."""
    environment = {**http_arrivals.environment, "LATE": "1"}
    with gunicorn(environment, "--preload", "--graceful-timeout", "3", app=APP, workers=1) as server:
        in_master, in_worker = found(server, "/load"), found(server)
    assert in_master["patched-late"] == in_worker["patched-late"] == "error"
    assert in_master["master"] == "note"
    assert "master" not in in_worker
    assert in_worker["preloads"] == in_worker["reached"] == "ok"
    assert in_worker["killed-early"] == "warning"


def test_under_a_gevent_worker_of_the_applications_own(http_arrivals: Arrivals) -> None:
    """Whatever its name is."""
    with gunicorn(http_arrivals.environment, "-k", "greenlet_worker.Worker", app=APP, workers=1) as server:
        levels = found(server)
    assert levels["gevent-worker"] == "ok"
    assert "no-hub" not in levels


def test_under_a_gunicorn_without_greenlets(http_arrivals: Arrivals) -> None:
    """Its sync worker turns no hub, and yet the way to the server can be looked at."""
    with gunicorn(http_arrivals.environment, "-k", "sync", app=APP, workers=1) as server:
        levels = found(server)
    assert levels["no-hub"] == "error"
    assert levels["reached"] == "ok"


def test_under_uwsgi(http_arrivals: Arrivals) -> None:
    """Which forks without hooks, and without --enable-threads."""
    with uwsgi(http_arrivals.environment, app=APP) as server:
        in_master, in_worker = found(server, "/load"), found(server)
    assert in_master["master"] == "note"
    assert in_worker["gevent-worker"] == in_worker["fork-ids"] == in_worker["reached"] == "ok"
    assert in_worker["no-threads"] == "warning"
    assert "error" not in in_worker.values()


def test_under_uwsgi_with_what_it_lacks(http_arrivals: Arrivals) -> None:
    """Nothing is left to say."""
    options = ("--lazy-apps", "--enable-threads", "--gevent-early-monkey-patch")
    with uwsgi(http_arrivals.environment, *options, app=APP) as server:
        assert set(found(server).values()) == {"ok"}


def test_under_uwsgi_without_its_gevent_loop(http_arrivals: Arrivals, tmp_path: Path) -> None:
    """No hub turns there; the way to the server can be looked at all the same."""
    ini = tmp_path / "uwsgi.ini"
    ini.write_text(
        f"[uwsgi]\nhttp-socket = 127.0.0.1:0\nmaster = true\nprocesses = 1\ndie-on-term = true\nmodule = {APP}"
    )
    with uwsgi(http_arrivals.environment, "--ini", str(ini), workers=0) as server:
        levels = found(server)
    assert levels["no-hub"] == "error"
    assert levels["reached"] == "ok"


PROGRAM = """
import sys
import segment_gevent
for client in (None, segment_gevent.Client("key", spool_dir="spool")):
    assert segment_gevent.diagnose(client, network=False) is not None
print(sorted({"ssl", "requests", "urllib3", "http.client"} & set(sys.modules)))
"""


def test_without_the_network_it_imports_nothing_that_a_later_patch_would_mind(tmp_path: Path) -> None:
    """Neither ssl nor requests: it can stand anywhere in an application's start."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


HELD = """
from queue import Empty, Queue, SimpleQueue
from gevent import monkey
monkey.patch_all()
import gevent
for kind in (Queue, SimpleQueue):
    turns = []
    other = gevent.spawn(turns.append, None)
    try:
        kind().get(timeout=0.01)
    except Empty:
        print(kind.__name__, len(turns))
    other.join()
import segment_gevent
print([each.detail for each in segment_gevent.diagnose(network=False) if each.name == "holds-unpatched"])
"""


def test_only_what_holds_up_the_hub_is_told() -> None:
    """A queue of Python's finds the patched locks in its module, also when it was taken before; one of C's does not."""
    environment = {"PYTHONPATH": str(ROOT), "SEGMENT_WRITE_KEY": "key"}
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, env=environment)
    queue, simple, told = done.stdout.splitlines()
    assert (queue, simple) == ("Queue 1", "SimpleQueue 0")
    assert "queue.SimpleQueue in __main__" in told
    assert "queue.Queue" not in told


DROP_IN = """
import segment_gevent
import segment_gevent.analytics as analytics
analytics.write_key, analytics.host = "Wz7abcdefghijklmnopqrstuvwxyz012", "http://127.0.0.1:9"
analytics.track("ilya", "Order Completed")
other = segment_gevent.Client("another-key", enabled=False)
told = segment_gevent.diagnose()
print([each.name for each in told if each.name in {"no-connection", "several-clients", "not-initialized"}])
analytics.default_client._client.shutdown(0)
"""


def test_the_drop_ins_client_is_found() -> None:
    """It is no default client of the package's; the one that was called is looked at, of several."""
    done = subprocess.run(
        [sys.executable, "-c", DROP_IN], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.stdout == "['several-clients', 'no-connection']\n", done


IN_HUB = """
import gevent, segment_gevent
segment_gevent.initialize("key", host="http://127.0.0.1:9")
found = []
gevent.get_hub().loop.run_callback(lambda: found.append(segment_gevent.diagnose()))
gevent.sleep(0.05)
print(len(found), "reaching" in str(found[0]))
"""


def test_in_the_hub_it_does_not_wait() -> None:
    """Where nothing can: the ways to the servers are left out."""
    done = subprocess.run([sys.executable, "-c", IN_HUB], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})
    assert (done.stdout, done.stderr) == ("1 False\n", "")


@pytest.mark.parametrize("argument", ["client", "within"])
def test_a_wrong_argument_is_named(argument: str) -> None:
    """With the type of what was given."""
    import segment_gevent

    wrong = {argument: "nonsense"}
    with pytest.raises(segment_gevent.ValidationError, match="str"):
        segment_gevent.diagnose(**wrong)  # type: ignore[arg-type]
