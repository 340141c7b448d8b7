"""What gevent's patches, and the imports before them, mean for the application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from segment_gevent.diagnosis.facts import Patching, Server
from segment_gevent.diagnosis.finding import Finding, Subject

HERE = Subject("patching")

ESSENTIAL = ("socket", "ssl", "select", "threading", "time")
"""What `patch_all()` patches and a server's greenlets live on."""

_FIRST = "put `from gevent import monkey; monkey.patch_all()` before every other import of the program"
_SHOWN = 5


def findings(facts: Patching, server: Server) -> Iterator[Finding]:
    if facts.has_eventlet:
        yield HERE.error(
            "eventlet",
            "eventlet has patched this process",
            "Its hub and gevent's each wait for sockets that the other never wakes.",
            "run the application under one of the two",
        )
    if not facts.is_application:
        yield HERE.note(
            "not-the-application",
            "This is the command's own process, not your application",
            "In which order it imports and patches shows only where it is loaded.",
            "name it: --app MODULE, with --patch where its server patches first, or call segment_gevent.diagnose()",
        )
    elif not facts.patched:
        yield HERE.note(
            "not-patched",
            "This process is not monkey-patched",
            "Delivery needs no patch. The application's own sockets, requests and sleeps hold up every greenlet.",
            f"{_FIRST}, if it serves requests in greenlets",
        )
    else:
        yield from _of_patched(facts, server)


def _of_patched(facts: Patching, server: Server) -> Iterator[Finding]:
    lacking = [name for name in ESSENTIAL if name in facts.unpatched]
    if lacking:
        yield HERE.warning(
            "patched-partly",
            f"Patched only in part: {_and(lacking)} {'is' if len(lacking) == 1 else 'are'} not",
            f"What the application does with {_and(lacking)} holds up every greenlet, and a wait for a patched module "
            "in unpatched threads may never end.",
            "call `monkey.patch_all()` without arguments",
        )
    early = facts.takers.get("ssl.SSLContext", ())
    if early:
        yield HERE.error(
            "patched-late",
            f"Patched after {_few(early)} had imported ssl",
            "Their HTTPS ends in RecursionError. Delivery to Segment has connections of its own and goes on.",
            _advice(server),
        )
    held = {what: who for what, who in facts.takers.items() if what != "ssl.SSLContext"}
    if held:
        yield HERE.warning(
            "holds-unpatched",
            "Modules hold functions of before the patch",
            f"{_held(held)}. A call of these holds up every greenlet, or fails.",
            _advice(server),
        )
    if not (lacking or facts.takers):
        yield HERE.ok("patched-first", "Patched before anything else was imported")


def _advice(server: Server) -> str:
    if server.preloads:
        return f"{_FIRST}: with --preload that is the top of gunicorn's configuration file; or leave --preload out"
    if server.name == "Celery":
        return (
            "start the worker by `python -m gevent.monkey --module celery …`, which patches before Celery's own imports"
        )
    if server.name == "uWSGI" and not server.lazy_apps:
        return f"{_FIRST}, or have uWSGI do it: --gevent-early-monkey-patch"
    return _FIRST


def _held(takers: Mapping[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{what} in {_few(who)}" for what, who in takers.items())


def _few(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
