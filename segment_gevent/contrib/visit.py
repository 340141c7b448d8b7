"""What a request tells of its visitor and of the page, as fields of the context: bounded, whatever is sent.

Segment's names: https://segment.com/docs/connections/spec/common/#context
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

from segment_gevent import ConfigError
from segment_gevent.context import Scope, WhoseId
from segment_gevent.contrib.arguments import some_of, switch, token
from segment_gevent.contrib.newcomer import Newcomer
from segment_gevent.contrib.proxies import Proxies

FIELDS = ("ip", "userAgent", "page", "locale", "campaign")
ANONYMOUS_ID_COOKIE = "ajs_anonymous_id"
"""Where Segment's own script for browsers keeps it."""

# Characters. Together some 7 KB at the most, of the 32 KB that a message may have.
_LONGEST = 1024
_LONGEST_USER_AGENT = 512
_LONGEST_UTM = 128
_LONGEST_ID = 128

_HOST = re.compile(r"[A-Za-z0-9._\-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_LOCALE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}(?![^\s,;])")
_UTM = {"campaign": "name"}  # the others have the name that is in the parameter's
_UTM_NAMES = {"source", "medium", "campaign", "term", "content", "id"}
# What RFC 3986 lets stand in a path. A query may have "?" besides, and comes quoted: its "%" stay.
_SAFE_IN_PATH = "/:@!$&'()*+,;=~"
_SAFE_IN_QUERY = _SAFE_IN_PATH + "?%"

Environ = Mapping[str, Any]


class Reader:
    """Reads requests, given as their WSGI environ. The arguments are those of `SegmentMiddleware`.

    Raises:
        ConfigError: an argument has a wrong type or value.
    """

    def __init__(
        self,
        *,
        trusted_proxies: int | str | Iterable[str] = 0,
        client_header: str = "X-Forwarded-For",
        anonymous_id_cookie: str | None = ANONYMOUS_ID_COOKIE,
        set_anonymous_id: bool = False,
        fields: Iterable[str] = FIELDS,
    ) -> None:
        wanted = some_of(FIELDS, "fields", fields)
        if anonymous_id_cookie is not None:
            token("anonymous_id_cookie", anonymous_id_cookie, "the name of a cookie, or None")
        if switch("set_anonymous_id", set_anonymous_id) and anonymous_id_cookie is None:
            raise ConfigError("set_anonymous_id=True needs the name of a cookie in anonymous_id_cookie, not None")
        self._new_cookie = anonymous_id_cookie if set_anonymous_id else None
        self._proxies = Proxies(trusted_proxies, client_header)
        readers: dict[str, Callable[[Environ], Any]] = {
            "ip": self._proxies.visitor,
            "userAgent": _user_agent,
            "page": self._page,
            "locale": _locale,
            "campaign": _campaign,
        }
        self._readers = [(name, readers[name]) for name in wanted]
        name = re.escape(anonymous_id_cookie or "")
        self._cookie = re.compile(rf'(?:^|;)\s*{name}="?([^;"\s]*)') if anonymous_id_cookie else None

    def newcomer(self, environ: Environ) -> Newcomer | None:
        """Who makes the request, if they have no id and are to be given one."""
        if self._new_cookie is None or self._anonymous_id(environ):
            return None
        return Newcomer(self._new_cookie, is_secure=self._scheme(environ) == "https")

    def scope(self, environ: Environ, user_id: WhoseId | None = None, newcomer: Newcomer | None = None) -> Scope:
        """Bindings for the time of the request; never switches, nor raises on account of what a visitor sends."""
        found = {name: read(environ) for name, read in self._readers}
        bound = {name: value for name, value in found.items() if value}
        return Scope(bound, user_id=user_id, session_id=self._anonymous_id(environ) or None, newcomer=newcomer)

    def _anonymous_id(self, environ: Environ) -> str:
        """What the cookie holds; "" for what can be no id: cut to its beginning it would be another visitor's."""
        found = self._cookie.search(environ.get("HTTP_COOKIE") or "") if self._cookie is not None else None
        if found is None or len(found[1]) > 3 * _LONGEST_ID:
            return ""
        value = unquote(found[1]).strip('"')  # the script has written it as JSON, and quoted that
        return value if len(value) <= _LONGEST_ID and value.isprintable() else ""

    def _page(self, environ: Environ) -> dict[str, str]:
        path = _path(environ)
        query = _quoted(environ.get("QUERY_STRING") or "", _SAFE_IN_QUERY)
        search = query and f"?{query}"
        origin = self._origin(environ)
        page = {
            "path": path,
            "referrer": _text(environ, "HTTP_REFERER", _LONGEST),
            "search": search,
            "url": origin and origin + path + search,
        }
        return {name: value for name, value in page.items() if value}

    def _origin(self, environ: Environ) -> str:
        """The URL's beginning as the visitor has it: "" where the Host header is none."""
        host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME") or ""
        return f"{self._scheme(environ)}://{host}" if _HOST.fullmatch(host) else ""

    def _scheme(self, environ: Environ) -> str:
        forwarded = environ.get("HTTP_X_FORWARDED_PROTO")
        if forwarded in ("http", "https") and self._proxies.sent(environ.get("REMOTE_ADDR") or ""):
            return str(forwarded)
        return str(environ.get("wsgi.url_scheme", "http"))


def _path(environ: Environ) -> str:
    """Quoted, as browsers tell it; the server has unquoted it."""
    return _quoted((environ.get("SCRIPT_NAME") or "") + (environ.get("PATH_INFO") or ""), _SAFE_IN_PATH)


def _quoted(value: str, safe: str) -> str:
    return quote(value[:_LONGEST].encode("latin-1", "replace"), safe=safe)[:_LONGEST]


def _user_agent(environ: Environ) -> str:
    return _text(environ, "HTTP_USER_AGENT", _LONGEST_USER_AGENT)


def _locale(environ: Environ) -> str:
    """The first language, which is the one that browsers want most."""
    found = _LOCALE.match((environ.get("HTTP_ACCEPT_LANGUAGE") or "").lstrip()[:40])
    return found[0] if found else ""


def _campaign(environ: Environ) -> dict[str, str]:
    campaign: dict[str, str] = {}
    query = environ.get("QUERY_STRING") or ""
    if "utm_" not in query:
        return campaign
    for pair in query[: 4 * _LONGEST].split("&"):
        name, _, value = pair.partition("=")
        kind = name.removeprefix("utm_")
        if kind != name and kind in _UTM_NAMES and value:
            campaign[_UTM.get(kind, kind)] = _plain(unquote_plus(value[: 3 * _LONGEST_UTM]))[:_LONGEST_UTM]
    return campaign


def _text(environ: Environ, key: str, longest: int) -> str:
    """A header, in UTF-8 where it is; WSGI hands bytes over as if they were Latin-1."""
    value = (environ.get(key) or "")[:longest]
    return _plain(value if value.isascii() else value.encode("latin-1", "replace").decode(errors="replace"))


def _plain(value: str) -> str:
    return value if value.isprintable() else "".join(filter(str.isprintable, value))
