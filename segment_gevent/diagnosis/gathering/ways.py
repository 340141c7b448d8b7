"""Facts of proxies, certificates and the write key, as the options and the environment have them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from segment_gevent.diagnosis.checks.options import LOOPBACK
from segment_gevent.diagnosis.facts import Key, Proxies, Trust
from segment_gevent.options import Options

_CREDENTIALS = re.compile(r"//.*@", re.DOTALL)  # a password may have a "/" or a space in it, though it should not
_PLACEHOLDER = re.compile(
    r"(?i)^<.*>$|^\$|^\{\{|^%|your|write[_-]?key$|^change[_-]?me|^(x+|0+|\*+|todo|test|none|null|secret|example|key)$"
)
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_ELSEWHERE = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_SEGMENTS = ("segment.io", "segment.com", "segmentapis.com")
_SHOWN = 3
"""Characters of a write key that are shown, of one that is long enough to have many others."""


def masked_url(text: str) -> str:
    """
    >>> masked_url("http://ilya:secret@proxy.example:3128")
    'http://***@proxy.example:3128'
    """
    has_scheme = "//" in text
    masked = _CREDENTIALS.sub("//***@", text if has_scheme else f"//{text}")
    return masked if has_scheme else masked.removeprefix("//")


def masked_key(text: str) -> str:
    """
    >>> masked_key("Wz7abcdefghijklmnopqrstuvwxyz012"), masked_key("short")
    ('Wz7…', '…')
    """
    return f"{text[:_SHOWN]}…" if len(text) >= 8 * _SHOWN else "…"


def proxies(options: Options, environment: Mapping[str, str]) -> Proxies:
    """Which are named. Which one serves, requests chooses: `journey.choice`."""
    named = {
        name: masked_url(value)
        for name, value in environment.items()
        if name.lower() in {"http_proxy", "https_proxy", "all_proxy"} and value
    }
    given = options.proxies
    return Proxies(
        variables=named,
        no_proxy=environment.get("no_proxy") or environment.get("NO_PROXY") or "",
        given=None if given is None else {scheme: masked_url(url) for scheme, url in given.items()},
        scheme=urlsplit(options.host).scheme,
        is_cgi="REQUEST_METHOD" in environment,
    )


def trust(options: Options, environment: Mapping[str, str]) -> Trust:
    verify = options.verify
    source = (
        "verify" if isinstance(verify, str) else next((name for name in _BUNDLES if environment.get(name)), "certifi")
    )
    bundle = verify if isinstance(verify, str) else environment.get(source) or _certifis()
    variables = {name: environment[name] for name in (*_BUNDLES, *_ELSEWHERE) if environment.get(name)}
    problem, certificates = _bundle(bundle)
    return Trust(
        scheme=urlsplit(options.host).scheme,
        is_off=verify is False,
        bundle=bundle,
        source=source,
        problem=problem,
        certificates=certificates,
        elsewhere={name: variables[name] for name in _ELSEWHERE if name in variables},
        missing=tuple(name for name, path in variables.items() if not os.path.exists(path)),
    )


def _bundle(bundle: str) -> tuple[str, int | None]:
    """What is wrong with it, and the number of its certificates."""
    try:
        if os.path.isdir(bundle):
            return ("" if os.listdir(bundle) else "the directory is empty"), None
        count = Path(bundle).read_bytes().count(b"-----BEGIN CERTIFICATE-----")
        return ("" if count else "it holds no certificate in PEM form"), count
    except OSError as error:
        return error.strerror or type(error).__name__, None


def _certifis() -> str:
    try:
        import certifi
    except ImportError:
        return "certifi"
    return certifi.where()


def key(options: Options, environment: Mapping[str, str], *, is_needed: bool) -> Key:
    """What it looks like; no part of it but its first characters is kept."""
    text = options.api_key
    host = urlsplit(options.host).hostname or ""
    elsewhere = environment.get("SEGMENT_WRITE_KEY", "").strip()
    return Key(
        length=len(text),
        masked=masked_key(text),
        is_alphanumeric=text.isascii() and text.isalnum(),
        is_placeholder=bool(_PLACEHOLDER.search(text)),
        is_quoted=text[:1] in "'\"" or text[-1:] in "'\"",
        is_api_token=text.startswith("sgp_"),
        differs_from_environment=bool(elsewhere and text and elsewhere != text),
        is_for_segment=host.endswith(_SEGMENTS),
        is_for_local=host in LOOPBACK,
        is_needed=is_needed,
    )
