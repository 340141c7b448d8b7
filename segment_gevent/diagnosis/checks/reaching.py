"""What the way to a server showed: how far it goes, what ended it, and how long each step takes."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from segment_gevent.diagnosis.facts import Journey, Trust
from segment_gevent.diagnosis.finding import Finding, Subject

HERE = Subject("reaching")

SLOW = {
    "lookup": (0.5, "Looking up the name"),
    "connect": (1.0, "Connecting"),
    "tls": (1.0, "The TLS handshake"),
    "answer": (2.0, "An answer"),
}
"""Seconds from which a step is called slow, and its name."""

SOON = 14.0
"""Days until a certificate's end from which that is worth a warning."""

EXPIRED, NOT_YET = 10, 9
"""OpenSSL's codes: X509_V_ERR_CERT_HAS_EXPIRED, …_NOT_YET_VALID."""

WRONG_NAME = (62, 64)
"""…_HOSTNAME_MISMATCH, …_IP_ADDRESS_MISMATCH."""

UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)
"""Self-signed, or of an issuer that the bundle lacks."""


def findings(journey: Journey, trust: Trust) -> Iterator[Finding]:
    yield _of_failure(journey, trust) if journey.failure else _of_answer(journey)
    for step, (limit, words) in SLOW.items():
        took = getattr(journey, step)
        if took is not None and took > limit:
            yield HERE.warning(
                "slow",
                f"{words} took {took:.1f} s",
                f"With {journey.peer}. Kept-alive connections pay that once.",
                "look at the resolver" if step == "lookup" else "look at the network on the way",
            )
    if journey.days is not None and journey.days < SOON:
        yield HERE.warning(
            "certificate-ends",
            f"The certificate of {urlsplit(journey.url).hostname} ends in {journey.days:.0f} days",
            f"{journey.issuer} issued it. Nothing is delivered from that day on.",
            "have it renewed",
        )


def of_untried(names: tuple[str, ...]) -> Iterator[Finding]:
    if names:
        yield HERE.note(
            "not-tried",
            "The way to the server was not tried",
            f"Without {' and '.join(names)}, which initialize refuses, it would be another than the one that is meant.",
            "correct that option",
        )


def _of_answer(journey: Journey) -> Finding:
    shown = f"{urlsplit(journey.url).hostname} answers: {_steps(journey)}"
    status = journey.status or 0
    if 300 <= status < 400:
        return HERE.error(
            "redirected",
            f"{journey.url} answers {status}: it lies elsewhere",
            "Redirects are not followed, for they would take the key along.",
            "give the address that the redirect leads to as host, often https:// in place of http://",
        )
    if status in (401, 403) and journey.is_with_key:
        return HERE.error(
            "key-refused",
            f"{urlsplit(journey.url).hostname} refuses the write key: it answers {status}",
            "Batches fail at once with this key.",
            "copy the key of the source anew, or look whether it is disabled",
        )
    if status in (404, 405) and journey.purpose == "events":
        return HERE.error(
            "no-api",
            f"{journey.url} answers {status}",
            "There is a web server, and no tracking API at this path.",
            "give host without /v1/batch, which is added to it, and with the path before that where there is one",
        )
    if status >= 500:
        return HERE.warning(
            "server-trouble",
            f"{urlsplit(journey.url).hostname} answers {status}",
            "It is reached, and not well. Batches are tried again, and spooled where there is a spool_dir.",
            "look at the server, or at a proxy or load balancer before it",
        )
    return HERE.ok("reached", shown)


def _steps(journey: Journey) -> str:
    timed = {"name": journey.lookup, "connection": journey.connect, journey.tls_version: journey.tls}
    told = [f"{name} {took * 1000:,.0f} ms" for name, took in timed.items() if took is not None]
    to_what = " to an empty batch" if journey.purpose == "events" else ""
    return ", ".join([*told, f"answer {(journey.answer or 0) * 1000:,.0f} ms ({journey.status}{to_what})"])


def _of_failure(journey: Journey, trust: Trust) -> Finding:
    host = journey.peer or journey.url
    said = f"{journey.words}."
    if journey.failure == "dns":
        fix = "look whether the name is spelt right, and at /etc/resolv.conf; behind a proxy, set HTTPS_PROXY"
        return HERE.error("unknown-name", f"The name of {host} is not known", said, fix)
    if journey.failure == "proxy":
        said_407 = "407" in journey.words
        fix = "put user:password@ into the proxy's URL" if said_407 else "look whether the proxy lets this machine out"
        return HERE.error("proxy-refuses", f"The proxy {journey.via} gives no way out", said, fix)
    if journey.failure == "tls":
        return _of_tls(journey, trust, said)
    if journey.failure == "timeout":
        fix = "look for a firewall that lets nothing out, or a proxy that is needed (HTTPS_PROXY)"
        return HERE.error("no-answer", f"{host} does not answer in time", said, fix)
    if journey.failure == "connection":
        fix = "look at host and port, and whether something listens there"
        return HERE.error("no-connection", f"No connection to {host}", said, fix)
    return HERE.error("no-request", f"No request to {host} can be made", said, "look at the words above, and report it")


def _of_tls(journey: Journey, trust: Trust, said: str) -> Finding:
    host = urlsplit(journey.url).hostname or journey.url
    if journey.verify_code in UNKNOWN_AUTHORITY:
        return HERE.error(
            "unknown-authority",
            f"The certificate of {host} is of an authority that {trust.bundle} does not have",
            f"{said} Either a proxy of your own network opens TLS, or the server is one of yours.",
            "name its authority's certificate: verify='/path/ca.pem', or REQUESTS_CA_BUNDLE",
        )
    if journey.verify_code == EXPIRED:
        return HERE.error(
            "certificate-ended", f"The certificate of {host} has ended", said, "have it renewed; or set the clock right"
        )
    if journey.verify_code == NOT_YET:
        return HERE.error(
            "certificate-early", f"The certificate of {host} is not valid yet", said, "set this machine's clock right"
        )
    if journey.verify_code in WRONG_NAME:
        return HERE.error(
            "certificate-of-another",
            f"The certificate is not that of {host}",
            said,
            "give host by the name that the certificate has",
        )
    of_port = "look whether the port speaks TLS, 1.2 or later; for a plain port, host begins with http://"
    return HERE.error(
        "no-tls", f"No TLS with {host}", said, "name a CA bundle that can be read" if trust.problem else of_port
    )
