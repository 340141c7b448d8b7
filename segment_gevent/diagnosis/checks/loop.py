"""What gevent's loop, resolver and threadpool mean for delivery."""

from __future__ import annotations

from collections.abc import Iterator

from segment_gevent.diagnosis.facts import Loop
from segment_gevent.diagnosis.finding import Finding, Subject

HERE = Subject("gevent")

SLOW_TURN = 0.1
"""Seconds that a turn of the loop may take: what the longest of this package's own stalls, an import, takes too."""

FEW_THREADS = 3


def findings(facts: Loop) -> Iterator[Finding]:
    if facts.problem:
        yield HERE.error(
            "no-loop",
            "gevent can't make what the environment asks for",
            facts.problem,
            "correct or remove GEVENT_LOOP and GEVENT_RESOLVER",
        )
        return
    yield from _of_resolver(facts)
    if facts.resolver == "thread" and facts.threads < FEW_THREADS:
        yield HERE.warning(
            "few-threads",
            f"gevent's threadpool has room for {facts.threads}",
            "Look-ups of names wait there behind whatever else the application gives it.",
            "leave `hub.threadpool.maxsize` at 10",
        )
    if facts.threads and facts.busy >= facts.threads:
        yield HERE.warning(
            "threadpool-full",
            f"gevent's threadpool is full: {facts.busy} calls for {facts.threads} threads",
            "Look-ups of names, and the CA certificates, wait behind these calls.",
            "give slow native calls a gevent.threadpool.ThreadPool of their own",
        )
    if facts.turn is not None and facts.turn > SLOW_TURN:
        yield HERE.warning(
            "slow-hub",
            f"A turn of the loop took {facts.turn * 1000:,.0f} ms",
            "Something computes or blocks without letting other greenlets run, delivery's included.",
            "look for it with gevent.config.monitor_thread = True, or give it to a threadpool",
        )


def _of_resolver(facts: Loop) -> Iterator[Finding]:
    loop = f"loop {facts.loop}, resolver {facts.resolver}"
    if facts.resolver == "block":
        yield HERE.warning(
            "resolver-blocks",
            "The resolver `block` holds up every greenlet for each look-up of a name",
            "",
            "leave GEVENT_RESOLVER out, for `thread`",
        )
    elif facts.resolver == "ares":
        yield HERE.note(
            "resolver-ares",
            f"gevent: {loop}",
            "c-ares asks DNS and reads /etc/hosts; names of mDNS, NIS or a container's nsswitch it doesn't know.",
        )
    elif facts.resolver == "dnspython":
        yield HERE.note(
            "resolver-dnspython",
            f"gevent: {loop}",
            "dnspython is slower than the others, and reads no nsswitch.",
        )
    else:
        yield HERE.ok("resolver", f"gevent: {loop}")
