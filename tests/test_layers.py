"""The layout: imports point down, the core stays pure, and importing the package does nothing."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import segment_gevent

PACKAGE = Path(segment_gevent.__file__).parent

# From the bottom up. A name is a file or a folder of the package; "" is its __init__.py, the public names.
LAYERS = (
    ("errors", "version", "words"),
    ("redis_url",),
    ("checks",),
    ("options", "counters"),
    ("events",),
    ("context",),
    ("delivery", "editing"),
    ("signatures",),
    ("client",),
    ("diagnosis",),
    ("api",),
    ("",),
    ("debugger", "contrib", "testing", "analytics", "relay"),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
EDGES = {name for name in RANK if RANK[name] > RANK[""]}

# What an edge may use besides the public names: the rules and limits that the debugger judges messages by, and more.
OPEN_TO_EDGES = ("context", "events", "version", "words", "redis_url")
# And the command, which looks after a spool.
OPEN_TO_THE_COMMAND = {
    ("cli.spool", "delivery.spool.inventory"),
    ("cli.replay", "delivery.spool.inventory"),
    ("cli.listener", "delivery.retry"),
    ("cli.importing.fates", "delivery.retry"),
    ("cli.replay", "delivery.spool.store"),
    ("cli.doctor", "diagnosis.examination"),
}

# And the recorder, which takes the place of a pipeline.
OPEN_TO_THE_RECORDER = {("testing.recorder", "client"), ("testing.recorder", "delivery.disabled")}

# And the official client's surface, which needs no write key in a test that records.
OPEN_TO_THE_DROP_IN = {("analytics", "client")}

# And the integrations, whose arguments are checked as the options are, and whose metrics are the counts.
OPEN_TO_CONTRIB = {("contrib.arguments", "checks"), ("contrib.prometheus", "counters")}

# And the relay, which sends what a client does by the same machinery, and reads what a client's outbox wrote.
OPEN_TO_THE_RELAY = {
    ("relay.carrier", "counters"),
    ("relay.carrier", "delivery.authorization"),
    ("relay.carrier", "delivery.oauth.bearer"),
    ("relay.carrier", "delivery.oauth.client_key"),
    ("relay.carrier", "delivery.sender"),
    ("relay.carrier", "delivery.transport"),
    ("relay.parcel", "delivery.flights"),
    ("relay.redis_trouble", "delivery.retry"),
    ("relay.worker", "delivery.retry"),
    ("relay.worker", "delivery.sender"),
}

OPEN_BY_NAME = OPEN_TO_THE_COMMAND | OPEN_TO_THE_RECORDER | OPEN_TO_THE_DROP_IN | OPEN_TO_CONTRIB | OPEN_TO_THE_RELAY

# An option's type, which no import at run time needs.
TYPES_FROM_ABOVE = {("options", "delivery.transport"), ("checks", "delivery.transport")}


class Import(NamedTuple):
    """One import: which file has it, what it names, and whether only type checkers follow it."""

    importer: str
    imported: str
    is_for_types: bool


def modules() -> dict[str, ast.Module]:
    """Every file of the package by its dotted name below the package, "" for its __init__.py."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = ast.parse(path.read_text(encoding="utf-8"))
    return found


MODULES = modules()


def imports() -> Iterator[Import]:
    """Every import of every file, those inside functions too."""
    for importer, tree in MODULES.items():
        for_types = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{importer} imports by a relative name"
                names = [_module_of(f"{node.module}.{alias.name}", node.module or "") for alias in node.names]
            else:
                continue
            for name in names:
                yield Import(importer, name, id(node) in for_types)


def _module_of(name: str, parent: str) -> str:
    """`from a.b import c` imports the module a.b.c where there is one, else a.b."""
    return name if name.removeprefix("segment_gevent.") in MODULES else parent


def ours() -> Iterator[Import]:
    """The imports of the package's own files, by the names that `modules` gives them."""
    for each in imports():
        top, _, below = each.imported.partition(".")
        if top == "segment_gevent":
            yield each._replace(imported=below)


def layer(module: str) -> str:
    return module.partition(".")[0]


def test_every_file_has_a_layer() -> None:
    """A new file or folder must be given its place before it can be imported from anywhere."""
    assert {layer(module) for module in MODULES} <= set(RANK)


def test_imports_point_down() -> None:
    """No file imports from a layer above its own, and none from another of the same height."""
    wrong = [
        f"{each.importer or '__init__'} imports {each.imported or '__init__'}"
        for each in ours()
        if layer(each.importer) != layer(each.imported)
        and RANK[layer(each.imported)] >= RANK[layer(each.importer)]
        and not (each.is_for_types and (each.importer, each.imported) in TYPES_FROM_ABOVE)
    ]
    assert wrong == []


def test_no_import_goes_in_a_circle() -> None:
    """Also within a layer the files have an order in which they can be read."""
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for each in ours():
        if not each.is_for_types:
            graph[each.importer].add(each.imported)
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


def test_edges_use_public_names() -> None:
    """The command, the debugger and the integrations stand where an application stands: on the public names."""
    wrong = [
        f"{each.importer} imports {each.imported}"
        for each in ours()
        if layer(each.importer) in EDGES
        and layer(each.imported) not in {"", *OPEN_TO_EDGES, *EDGES}
        and (each.importer, each.imported) not in OPEN_BY_NAME
        and not (layer(each.importer) == "relay" and each.imported.startswith("delivery.outbox"))
    ]
    assert wrong == []


def test_only_delivery_and_the_edges_know_gevent_and_requests() -> None:
    """Events, options, counters and the client could be read by someone who never heard of either."""
    knowing = {
        layer(each.importer)
        for each in imports()
        if each.imported.partition(".")[0] in {"gevent", "greenlet", "requests", "urllib3", "ssl"}
        and not each.is_for_types
    }
    assert knowing <= {"delivery", "diagnosis", *EDGES}


def test_events_are_pure() -> None:
    """Messages and batches touch no file, clock, network or chance: times and ids are arguments."""
    world = {"os", "io", "pathlib", "socket", "random", "secrets", "threading", "logging", "subprocess", "tempfile"}
    clocks = {"time.time", "time.monotonic", "datetime.now", "datetime.utcnow", "date.today", "uuid4", "uuid1", "open"}
    touched = {each.imported for each in imports() if layer(each.importer) == "events"} & world
    called = {
        ast.unparse(node.func)
        for module, tree in MODULES.items()
        if layer(module) == "events"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert (touched, called & clocks) == (set(), set())


def test_a_doctors_checks_are_pure() -> None:
    """What facts mean is said of facts alone: no check looks at the process, the disk or the network by itself."""
    allowed = {"__future__", "collections.abc", "itertools", "re", "urllib.parse"}
    used = {each.imported for each in imports() if each.importer.startswith("diagnosis.checks")}
    assert {name for name in used if not name.startswith("segment_gevent")} <= allowed
    ours = {name.removeprefix("segment_gevent.") for name in used if name.startswith("segment_gevent")}
    assert {layer(name) for name in ours} <= {"diagnosis", "options", "counters", "words"}
    assert not [name for name in ours if name.startswith("diagnosis.gathering")]


def test_no_submodule_shadows_a_public_name() -> None:
    """`import segment_gevent.x` sets the attribute x of the package: it must not be a name that callers use."""
    submodules = {module.name for module in pkgutil.iter_modules(segment_gevent.__path__)}
    assert submodules & {*segment_gevent.__all__, *dir(segment_gevent.Client)} == set()


def test_importing_the_package_does_nothing() -> None:
    """No hub, greenlet, thread, patch, signal handler or log handler, and no ssl, which would break a later patch."""
    program = """
import gc, logging, signal, sys, threading
before = {number: signal.getsignal(number) for number in signal.valid_signals()}
import segment_gevent
from gevent import Greenlet
from gevent._hub_local import get_hub_if_exists
from gevent.monkey import saved
assert get_hub_if_exists() is None, "a hub"
assert not [each for each in gc.get_objects() if isinstance(each, Greenlet)], "a greenlet"
assert threading.active_count() == 1, "a thread"
assert not saved, "patched"
assert before == {number: signal.getsignal(number) for number in before}, "a signal handler"
assert not logging.root.handlers and not logging.getLogger("segment_gevent").handlers, "a log handler"
print(sorted({"ssl", "requests", "urllib3", "http.client", "sqlite3", "click", "rich", "redis"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_the_import_is_small() -> None:
    """On top of gevent at most 35 modules of ours and orjson's, and nothing that only some clients or sends need."""
    program = """
import sys
import gevent, gevent.event, gevent.hub, gevent.queue, gevent.socket, gevent.threadpool
before = set(sys.modules)
import segment_gevent
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=PACKAGE.parent, check=True
    )
    loaded = done.stdout.split()
    # Python's own, though not among the names: on 3.10 zoneinfo, which orjson imports, asks how Python was built.
    loaded = [name for name in loaded if not name.startswith("_sysconfigdata_")]
    tops = {name.partition(".")[0] for name in loaded}
    assert tops - sys.stdlib_module_names == {"segment_gevent", "orjson"}
    assert len([name for name in loaded if name.startswith(("segment_gevent", "orjson"))]) <= 35
    assert tops & {"ssl", "http", "sqlite3", "email", "urllib", "random", "difflib"} == set()


@pytest.mark.parametrize("name", segment_gevent.__all__)
def test_public_names_are_documented(name: str) -> None:
    """Each has a docstring, so have a class's public methods, and a page of the docs or the README names it."""
    thing = getattr(segment_gevent, name)
    if inspect.isclass(thing) or inspect.isfunction(thing):
        assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        methods = [each for each in vars(thing).values() if inspect.isfunction(each)]
        assert [each.__name__ for each in methods if not each.__name__.startswith("_") and not each.__doc__] == []
    pages = [PACKAGE.parent / "README.md", *(PACKAGE.parent / "docs").glob("*.md")]
    named = re.compile(rf"`{name}\b|segment(_gevent)?\.{name}\b")
    assert any(named.search(page.read_text(encoding="utf-8")) for page in pages), f"no page names {name}"
