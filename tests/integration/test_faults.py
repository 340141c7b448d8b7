"""The fault matrix: whatever goes wrong on the way, every accepted message arrives or is in a named fate."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from pathlib import Path
from signal import SIGTERM
from typing import Any, NamedTuple

import gevent
import pytest
import trustme
from servers.fault_script import FAULTS, LOST, LOST_SCRIPT, TIME_OUT
from servers.fault_server import FaultServer
from servers.local_segment import LocalSegment
from servers.ports import free_port
from servers.program import PROGRAMS, program
from servers.web_server import gunicorn

from segment_gevent import Client
from segment_gevent.delivery.spool import inventory

MODES: dict[str, dict[str, Any]] = {
    "memory": {},
    "spool": {"max_retries": 0},  # so that each fault takes its messages to disk and back
    "durable": {"durable": True},
}
PLACES = ("script", "gunicorn")
WORKERS = 4
COUNT = 3
AT_ONCE = 3  # runs: what they do most is wait

Message = tuple[str, str, int]


class Run(NamedTuple):
    """What came of one run: what the server saw, what each process reported, what is on disk."""

    log: list[dict[str, Any]]
    reports: list[dict[str, Any]]
    on_disk: dict[str, list[Message]]
    """By client."""

    def messages(self, client: str, kind: str) -> list[Message]:
        """What all processes put down as `accepted`, or told as `delivered`, `failed` or `dropped`."""
        return [(who, fault, n) for report in self.reports for who, fault, n in report[client][kind]]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Run]]]:
    """Each cell's run that was asked for, under way; all begin with the first test, some at once.

    A worker of pytest-xdist has collected all tests, and runs some: there a cell begins with its first test.
    """
    asked = {
        item.callspec.params["cell"] for item in request.session.items if "runs" in getattr(item, "fixturenames", ())
    }
    with ThreadPoolExecutor(AT_ONCE) as pool:

        class Runs(dict[str, "Future[Run]"]):
            def __missing__(self, cell: str) -> Future[Run]:
                self[cell] = pool.submit(run, *cell.split("-"), tmp_path_factory.mktemp(cell))
                return self[cell]

        runs = Runs()
        if "PYTEST_XDIST_WORKER" not in os.environ:
            for cell in sorted(asked):
                runs[cell]
        yield runs


def run(place: str, mode: str, folder: Path) -> Run:
    """One program that meets every fault, and ends."""
    mine, theirs = trustme.CA(), trustme.CA()
    mine.cert_pem.write_to_path(folder / "mine.pem")
    certificates = {
        "untrusted-certificate": (theirs, "127.0.0.1"),
        "certificate-of-another": (mine, "elsewhere.example"),
    }
    for name, (authority, host) in certificates.items():
        authority.issue_cert(host).private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
    reports = folder / "reports"
    reports.mkdir()
    script = {name: fault.script for name, fault in FAULTS.items()} | LOST_SCRIPT
    with FaultServer(script, certificates={n: str(folder / f"{n}.pem") for n in certificates}) as server:
        hosts = {
            "refused": f"http://127.0.0.1:{free_port()}",
            "dns": "http://nowhere.invalid",
            **server.tls,
        }
        common = {"timeout": TIME_OUT, "send_timeout": TIME_OUT, "flush_after": 0.1, "verify": str(folder / "mine.pem")}
        short = {"max_retries": 1, "max_rate_limit_duration": 0.5, "shutdown_timeout": 1}
        clients = {"main": {"host": server.url, "shutdown_timeout": 10, **MODES[mode]}}
        clients |= {name: {"host": hosts.get(name, server.other), **short, **MODES[mode]} for name in LOST}
        clients["retry-after-300"]["max_rate_limit_duration"] = 1000
        if mode != "memory":
            for name, options in clients.items():
                options["spool_dir"] = str(folder / "spool" / name)
        settings = {"clients": {n: {**common, **options} for n, options in clients.items()}, "report": str(reports)}
        environment = {"FAULTS": json.dumps(settings)}
        if place == "script":
            with program("faults", *LOST, *FAULTS, environment=environment) as process:
                process.ended(110).check()
        else:
            serve(environment, server)
        log = server.log()
    told = [json.loads(path.read_text()) for path in reports.iterdir()]
    return Run(log, told, {name: on_disk(folder / "spool" / name) for name in clients})


def on_disk(directory: Path) -> list[Message]:
    bodies = [json.loads(message.body) for message in inventory.messages(directory)]
    return [(body["userId"], body["properties"]["fault"], body["properties"]["n"]) for body in bodies]


def serve(environment: Mapping[str, str], server: FaultServer) -> None:
    """gunicorn, visited for every fault, and ended when the server has nothing to wait for any more."""
    with gunicorn(
        environment,
        "--preload",
        "--graceful-timeout",
        "30",
        app="faults:application",
        workers=WORKERS,
        configuration=PROGRAMS / "gunicorn_faults.py",
    ) as process:
        paths = [f"/{fault}/visit" for fault in [*LOST, *FAULTS]]
        assert process.visit(paths) == set(paths)
        server.wait_settled(len(FAULTS) * COUNT, 100)
        process.signal(SIGTERM)
        process.ended().check()


def cells() -> list[Any]:
    """Every cell; the column that other Pythons run too is the one with the most to go wrong."""
    return [
        pytest.param(f"{place}-{mode}", id=f"{place}-{mode}", marks=column(place, mode))
        for place, mode in product(PLACES, MODES)
    ]


def column(place: str, mode: str) -> list[pytest.MarkDecorator]:
    marks = [pytest.mark.matrix, pytest.mark.faults, pytest.mark.xdist_group(f"{place}-{mode}")]
    return [*marks, pytest.mark.matrix_column] if (place, mode) == ("gunicorn", "durable") else marks


pytestmark = pytest.mark.timeout(300)  # a cell's first test waits for its run, and maybe for those before it
every_cell = pytest.mark.parametrize("cell", cells())


@every_cell
@pytest.mark.parametrize("name", FAULTS)
def test_every_message_gets_the_fate_of_its_fault(cell: str, name: str, runs: dict[str, Future[Run]]) -> None:
    """It arrives, unless the server refused it for good; once, unless its answer was unclear; and is told so."""
    fault, found = FAULTS[name], runs[cell].result()
    told = {kind: of(name, found.messages("main", kind)) for kind in ("accepted", "delivered", "failed", "dropped")}
    accepted = set(told["accepted"])
    assert len(accepted) == len(told["accepted"]) == COUNT
    wanted: dict[str, set[Message]] = {"delivered": set(), "failed": set(), "dropped": set()}
    for message in accepted:
        wanted[fault.but.get(message[2], fault.fate)].add(message)
    # What the server took without saying so may wait for its replay when the workers end, and comes once more after it.
    told["delivered"] += of(name, found.on_disk["main"]) if fault.is_unclear else []
    assert {kind: sorted(told[kind]) for kind in wanted} == {kind: sorted(each) for kind, each in wanted.items()}
    arrivals = [(entry, message) for entry in found.log if entry["taken"] for message in entry["messages"]]
    arrived = Counter((who, of_fault, n) for _, (who, of_fault, n, _) in arrivals if of_fault == name)
    assert set(arrived) == wanted["delivered"]
    if not fault.is_unclear and not any(is_late(e) for e, message in arrivals if message[1] == name):
        assert not arrived - Counter(wanted["delivered"]), "some came twice"
    assert max(arrived.values(), default=0) <= 3
    # Of several workers each may send its messages one by one: then none meets what is only for many.
    is_sure_to_be_met = "many" not in fault.script.get("only", {}) or cell.startswith("script")
    assert not is_sure_to_be_met or any(entry["fault"] == name for entry in found.log), "nobody met it"


def of(fault: str, messages: list[Message]) -> list[Message]:
    return [message for message in messages if message[1] == fault]


def is_late(entry: dict[str, Any]) -> bool:
    """Whether a good answer came so late, on a busy machine, that the client may have given it up."""
    return entry["seconds"] is None or entry["seconds"] > TIME_OUT / 2


@every_cell
@pytest.mark.parametrize("name", LOST)
def test_what_never_gets_better_fails_or_is_kept(cell: str, name: str, runs: dict[str, Future[Run]]) -> None:
    """Nothing arrives; in memory the messages fail, or are dropped at the end, and else all are on disk."""
    found = runs[cell].result()
    accepted = found.messages(name, "accepted")
    assert accepted
    assert not found.messages(name, "delivered")
    if cell.endswith("memory"):
        assert sorted(found.messages(name, "failed") + found.messages(name, "dropped")) == sorted(accepted)
        assert {reason for report in found.reports for reason in report[name]["reasons"]} <= set(LOST[name])
    else:
        assert sorted(found.on_disk[name]) == sorted(accepted)
        assert not found.messages(name, "failed") + found.messages(name, "dropped")
    assert not [m for entry in found.log if entry["taken"] for m in entry["messages"] if m[1] == name]


@every_cell
@pytest.mark.parametrize("client", ["main", *LOST])
def test_the_invariant_holds(cell: str, client: str, runs: dict[str, Future[Run]]) -> None:
    """submitted == delivered + failed + dropped + spooled + pending, each as the callbacks, and the disk, tell it."""
    found = runs[cell].result()
    for report in found.reports:
        stats, mine = report[client]["stats"], {tuple(message) for message in report[client]["accepted"]}
        assert stats["submitted"] == len(mine)
        assert stats["pending"] == 0
        for fate in ("delivered", "failed", "dropped"):
            assert stats[fate] == sum(tuple(message) in mine for message in report[client][fate]), (fate, stats)
        assert stats["submitted"] == sum(stats[fate] for fate in ("delivered", "failed", "dropped", "spooled")), stats
    delivered_for_others = sum(
        tuple(message) not in {tuple(each) for each in report[client]["accepted"]}
        for report in found.reports
        for fate in ("delivered", "failed")
        for message in report[client][fate]
    )
    spooled = sum(report[client]["stats"]["spooled"] for report in found.reports)
    assert spooled == len(found.on_disk[client]) + delivered_for_others


@every_cell
def test_every_request_kept_the_rules(cell: str, runs: dict[str, Future[Run]]) -> None:
    """No message is invalid, and one that comes again has the messageId that it had."""
    log = runs[cell].result().log
    assert not [problem for entry in log for problem in entry["problems"]]
    ids: dict[Message, str] = {}
    for entry in log:
        for who, fault, n, message_id in entry["messages"]:
            assert ids.setdefault((who, fault, n), message_id) == message_id
    assert len(set(ids.values())) == len(ids)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["memory", "spool", "durable"])
def test_a_server_that_is_away_for_longer_than_all_retries(mode: str, tmp_path: Path) -> None:
    """In memory the messages fail; with a spool all of them arrive when it is back, once."""
    spool = {} if mode == "memory" else {"spool_dir": tmp_path / "spool", "durable": mode == "durable"}
    port = free_port()
    client = Client("write-key", host=f"http://127.0.0.1:{port}", max_retries=3, flush_after=0.01, **spool)
    for n in range(20):
        assert client.track("away", event="Counted", properties={"n": n})
    assert client.flush(60) is False
    assert (client.stats.failed, client.stats.spooled) == ((20, 0) if mode == "memory" else (0, 20))
    with LocalSegment(port=port) as server:
        assert client.track("back", event="Counted", properties={"n": 20})
        assert client.flush(60)
        with gevent.Timeout(60):
            while client.stats.spooled:
                client.look()
                gevent.sleep(0.01)
        client.shutdown()
        arrived = sorted(message["properties"]["n"] for message in server.messages())
    assert arrived == ([20] if mode == "memory" else list(range(21)))
    assert client.stats.delivered + client.stats.failed == 21
