"""Facts of loaded modules: what gevent has patched, and who took something before."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from types import ModuleType

from gevent import monkey

from segment_gevent.diagnosis.checks.patching import ESSENTIAL
from segment_gevent.diagnosis.facts import Patching

WATCHED = {
    "ssl": ("SSLContext",),
    "socket": ("socket", "getaddrinfo"),
    "time": ("sleep",),
    "select": ("select", "poll", "epoll"),
    "subprocess": ("Popen",),
    "queue": ("SimpleQueue",),
}
"""What holds up the hub, or breaks, when it is called as it was before the patch. Not `queue.Queue`,
`subprocess.run` or `socket.create_connection`, which find what is patched in their own modules. Locks are too many to
be of use.
"""

_OURS = {"segment_gevent", "gevent", "greenlet", "click", "rich"}


def patching(*, is_application: bool) -> Patching:
    """Imports nothing: the order of imports is what it looks for."""
    return Patching(
        patched=tuple(name for name in ESSENTIAL if monkey.is_module_patched(name)),
        unpatched=tuple(name for name in ESSENTIAL if not monkey.is_module_patched(name)),
        takers=takers(vars(monkey)["saved"], dict(sys.modules)),
        has_eventlet=_has_eventlet(),
        is_application=is_application,
    )


def takers(saved: Mapping[str, Mapping[str, object]], modules: Mapping[str, ModuleType]) -> dict[str, tuple[str, ...]]:
    """The modules with a watched original among their names, by `module.name` of the original.

    Args:
        saved: the originals by module and name, as gevent keeps them.
        modules: by name; the standard library's and gevent's are passed over, since gevent sees to them.
    """
    originals = {
        id(saved[module][name]): f"{module}.{name}"
        for module, names in WATCHED.items()
        for name in names
        if name in saved.get(module, {})
    }
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, module in modules.items():
        is_alias = getattr(module, "__name__", name) != name  # as requests has them of urllib3's modules
        if originals and not is_alias and not _is_passed_over(name):
            for original in {originals[id(value)] for value in _values(module) if id(value) in originals}:
                found[original].append(name)
    return {original: tuple(sorted(found[original])) for original in sorted(found)}


def _is_passed_over(name: str) -> bool:
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or top in _OURS


def _values(module: ModuleType) -> Iterator[object]:
    """What stands in a module, without waking those that load on demand."""
    names = getattr(module, "__dict__", None)
    yield from list(names.values()) if isinstance(names, dict) else ()


def _has_eventlet() -> bool:
    patcher = sys.modules.get("eventlet.patcher")
    return patcher is not None and bool(patcher.is_monkey_patched("socket"))
