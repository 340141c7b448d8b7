"""Which proxy is on the way, and whether it was meant to be."""

from __future__ import annotations

from collections.abc import Iterator

from segment_gevent.diagnosis.facts import Proxies
from segment_gevent.diagnosis.finding import Finding, Subject

HERE = Subject("proxies")


def findings(facts: Proxies) -> Iterator[Finding]:
    yield from _contradictions(facts)
    if facts.problem:
        yield HERE.error(
            "proxy-unusable",
            "The proxy's URL is of no use",
            f"{facts.chosen or _shown(facts)}: {facts.problem}.",
            "name it like http://proxy.example:3128; SOCKS is not supported",
        )
    elif not facts.is_known and (facts.variables or facts.given):
        yield HERE.note(
            "proxy-unknown", f"Proxies are named: {_shown(facts)}", "Which one serves shows with a look out."
        )
    elif facts.chosen:
        source = "the option proxies" if facts.given is not None else "the environment"
        yield HERE.ok("proxy", f"By the proxy {facts.chosen}, which {source} names")
    elif facts.given == {}:
        yield HERE.ok(
            "proxies-off", "Straight to the server: the option proxies is empty, so the environment counts not"
        )
    elif facts.given:
        yield HERE.warning(
            "proxy-for-another-scheme",
            f"The option proxies names none for {facts.scheme}",
            f"{_shown(facts)}: batches go straight to the server.",
            f'proxies={{"{facts.scheme}": "http://…"}}',
        )
    elif facts.variables and facts.no_proxy and facts.scheme in _schemes(facts):
        yield HERE.note(
            "no-proxy",
            "Straight to the server, past the proxy",
            f"{_shown(facts)}, but NO_PROXY has {facts.no_proxy}.",
        )
    else:
        yield HERE.ok("no-proxies", "No proxy on the way")


def _contradictions(facts: Proxies) -> Iterator[Finding]:
    for scheme in ("http", "https", "all"):
        lower, upper = (facts.variables.get(f"{scheme}_proxy".upper() if up else f"{scheme}_proxy") for up in (0, 1))
        if lower and upper and lower != upper:
            yield HERE.warning(
                "proxies-differ",
                f"{scheme}_proxy and {scheme.upper()}_PROXY differ",
                f"{lower} goes before {upper} here; other programs choose otherwise.",
                "set one of the two, or both alike",
            )
    if facts.is_cgi and "HTTP_PROXY" in facts.variables:
        yield HERE.warning(
            "proxy-in-cgi",
            "REQUEST_METHOD is set, so HTTP_PROXY counts not",
            "In CGI it could be a visitor's header Proxy.",
            "use http_proxy, or the option proxies",
        )


def _schemes(facts: Proxies) -> set[str]:
    named = {name.lower().removesuffix("_proxy") for name in facts.variables}
    return {"http", "https"} if "all" in named else named


def _shown(facts: Proxies) -> str:
    return ", ".join(f"{name}={value}" for name, value in (facts.given or facts.variables).items())
