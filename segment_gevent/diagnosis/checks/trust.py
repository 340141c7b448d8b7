"""Whose certificates count, and whether there are any."""

from __future__ import annotations

from collections.abc import Iterator

from segment_gevent.diagnosis.facts import Trust
from segment_gevent.diagnosis.finding import Finding, Subject
from segment_gevent.words import counted

HERE = Subject("TLS")


def findings(facts: Trust) -> Iterator[Finding]:
    for name in facts.missing:
        if name not in {facts.source, "verify"}:
            yield HERE.warning(
                "variable-of-nothing",
                f"{name} names a path that does not exist",
                "Delivery here does not read it; other TLS of the application fails by it.",
                f"correct {name} or unset it",
            )
    if facts.is_off:
        yield HERE.warning(
            "verify-off",
            "verify=False: no certificate is looked at",
            "Whoever is on the way can read the events and the write key.",
            "verify='/path/of/the/ca.pem', if the server's authority is one of your own",
        )
    elif facts.problem:
        detail = "No batch can be sent." if facts.scheme == "https" else "It is not needed for an http:// host."
        make = HERE.error if facts.scheme == "https" else HERE.warning
        yield make(
            "no-certificates",
            f"No CA certificates in {facts.bundle}",
            f"{facts.source} names it: {facts.problem}. {detail}",
            f"correct {facts.source} or {'leave it out' if facts.source == 'verify' else 'unset it'}"
            if facts.source != "certifi"
            else "pip install --force-reinstall certifi",
        )
    else:
        count = "a directory" if facts.certificates is None else counted(facts.certificates, "certificate")
        yield HERE.ok("certificates", f"CA bundle {facts.bundle} ({facts.source}, {count})")
        unread = [name for name in facts.elsewhere if name not in facts.missing]
        if unread and facts.source == "certifi":
            yield HERE.note(
                "variable-not-read",
                f"{' and '.join(unread)} {'is' if len(unread) == 1 else 'are'} not read here",
                "requests reads REQUESTS_CA_BUNDLE, and delivery does as requests does.",
                "set REQUESTS_CA_BUNDLE too, or the option verify, where an authority of your own is needed",
            )
