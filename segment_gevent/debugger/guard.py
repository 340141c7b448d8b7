"""Who may read events and ask for faults: this machine's owner, and no web page that their browser happens to show.

Only `/` and `/_/` are guarded. What takes events is open, as Segment's is.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

from segment_gevent.debugger.answer import Answer, json_answer

_FOREIGN_SITES = ("cross-site", "same-site")
_PORTS = {"http": 80, "https": 443}


class Guard:
    """Lets requests pass by their Host, their origin and, where there is one, the token.

    Args:
        hosts: names under which the server may be reached besides the loopback's, as `name` or `name:port`.
        token: what a browser shows once as `?token=`, then as a cookie, and a tool as a Bearer; it lets requests come
            by any address of this machine.
    """

    def __init__(self, hosts: Iterable[str] = (), token: str | None = None) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._token = token

    def answer(self, environ: Mapping[str, Any]) -> Answer | None:
        """What a request is answered that may not pass, or that brought its token; None for one that may."""
        if not self._knows_host(environ):
            return _refusal(403, "this Host is not known here; --allow-host lets it in")
        if _is_foreign(environ):
            return _refusal(403, "a page of another site may not do this")
        if self._token is None:
            return None
        if environ["PATH_INFO"] == "/" and self._fits(_token_in_url(environ)):
            cookie = f"{_cookie_name(environ)}={self._token}; HttpOnly; SameSite=Strict; Path=/"
            return Answer(303, headers={"Location": "/", "Set-Cookie": cookie, "Referrer-Policy": "no-referrer"})
        if self._fits(_bearer(environ)) or self._fits(_cookie(environ)):
            return None
        return _refusal(401, "a token is needed: open the address that was printed, or send it as a Bearer token")

    def _knows_host(self, environ: Mapping[str, Any]) -> bool:
        given = str(environ.get("HTTP_HOST", "")).lower()
        try:
            parts = urlsplit(f"//{given}")
            name, port = parts.hostname or "", parts.port or _PORTS[environ["wsgi.url_scheme"]]
        except ValueError:
            return False
        if given in self._hosts or name in self._hosts:
            return True
        if _is_loopback(name):
            return port == int(environ["SERVER_PORT"])
        # A page that has its own name resolve to this machine comes with that name: an address is no disguise.
        return self._token is not None and _is_address(name)

    def _fits(self, given: str | None) -> bool:
        return bool(self._token and given) and hmac.compare_digest(str(given).encode(), str(self._token).encode())


def is_loopback(host: str) -> bool:
    """True for an address or name that only this machine can reach.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("shop.example")
    (True, True, False, False)
    """
    return _is_loopback(host.lower().strip("[]"))


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return _is_address(name) and ip_address(name).is_loopback


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_foreign(environ: Mapping[str, Any]) -> bool:
    """True for a request that a page of another site makes. A link to the page may be followed from anywhere."""
    if environ["PATH_INFO"] == "/" and environ.get("HTTP_SEC_FETCH_MODE") == "navigate":
        return bool(environ.get("HTTP_SEC_FETCH_DEST", "document") != "document")
    if environ.get("HTTP_SEC_FETCH_SITE", "none") in _FOREIGN_SITES:
        return True
    origin = environ.get("HTTP_ORIGIN")
    own = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}"
    return origin is not None and str(origin).lower() != own.lower()


def _token_in_url(environ: Mapping[str, Any]) -> str | None:
    return parse_qs(str(environ.get("QUERY_STRING", ""))).get("token", [None])[0]


def _bearer(environ: Mapping[str, Any]) -> str | None:
    scheme, _, token = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _cookie_name(environ: Mapping[str, Any]) -> str:
    # Browsers keep one set of cookies for all ports of a host.
    return f"segment_gevent_{environ['SERVER_PORT']}"


def _cookie(environ: Mapping[str, Any]) -> str | None:
    pairs = (pair.strip().partition("=") for pair in str(environ.get("HTTP_COOKIE", "")).split(";"))
    return next((value for name, _, value in pairs if name == _cookie_name(environ)), None)


def _refusal(status: int, reason: str) -> Answer:
    return json_answer(status, {"error": reason})
