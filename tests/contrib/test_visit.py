"""What is read from a request: Segment's fields, whatever the visitor sent."""

from __future__ import annotations

import string
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.wsgi import request

from segment_gevent import Client, ConfigError
from segment_gevent.contrib.visit import FIELDS, Reader
from segment_gevent.testing import RecordingTransport

Message = dict[str, Any]


def read(environ: dict[str, Any], **options: Any) -> Message:
    """An event as it is sent from a request; its context without the library."""
    transport = RecordingTransport()
    with Client("write-key", transport=transport) as client:
        Reader(**options).scope(environ).run(client.track, user_id="ilya", event="E")
    (message,) = transport.messages
    del message["context"]["library"]
    return message


def test_a_browsers_request_is_read_whole() -> None:
    """Under the names of Segment's context."""
    message = read(
        request(
            "/cart",
            "utm_source=news&utm_campaign=Spring+sale&utm_x=1&q=caf%C3%A9",
            SCRIPT_NAME="/shop",
            HTTP_HOST="example.org:8443",
            HTTP_REFERER="https://example.com/",
            HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux x86_64)",
            HTTP_ACCEPT_LANGUAGE="en-GB,en;q=0.8",
            HTTP_COOKIE="a=b; ajs_anonymous_id=%22visitor-17%22; c=d",
        )
    )
    assert message["anonymousId"] == "visitor-17"
    assert message["context"] == {
        "ip": "198.51.100.7",
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
        "page": {
            "path": "/shop/cart",
            "referrer": "https://example.com/",
            "search": "?utm_source=news&utm_campaign=Spring+sale&utm_x=1&q=caf%C3%A9",
            "url": "http://example.org:8443/shop/cart?utm_source=news&utm_campaign=Spring+sale&utm_x=1&q=caf%C3%A9",
        },
        "locale": "en-GB",
        "campaign": {"source": "news", "name": "Spring sale"},
    }


def test_what_a_request_lacks_is_left_out() -> None:
    """Also where the server knows nothing of its peer."""
    message = read({"wsgi.url_scheme": "http"})
    assert (message["context"], message.get("anonymousId")) == ({}, None)


def test_only_the_wanted_fields_are_bound() -> None:
    """A query may hold what is nobody's business."""
    assert set(read(request(), fields=["ip"], anonymous_id_cookie=None)["context"]) == {"ip"}
    with pytest.raises(ConfigError, match=r"ip, userAgent, page, locale, campaign, not 'user_agent'"):
        Reader(fields=["user_agent"])


@pytest.mark.parametrize(
    ("cookies", "anonymous_id"),
    [
        ("ajs_anonymous_id=17-a", "17-a"),
        ("ajs_anonymous_id=%2217-a%22", "17-a"),
        ('b=c;ajs_anonymous_id="17-a"', "17-a"),
        ("ajs_anonymous_id=caf%C3%A9; a", "café"),
        ("xajs_anonymous_id=17-a", None),
        ("ajs_anonymous_id=", None),
        ("ajs_anonymous_id=%22%22", None),
        ("ajs_anonymous_id=a%0Ab", None),
        ("ajs_anonymous_id=" + "a" * 128, "a" * 128),
        ("ajs_anonymous_id=" + "a" * 129, None),
        ("ajs_anonymous_id=" + "%61" * 200, None),
    ],
)
def test_the_anonymous_id_is_that_of_the_cookie(cookies: str, anonymous_id: str | None) -> None:
    """Quoted for URLs, as JSON, or plain; what can be no id is none."""
    assert read(request(HTTP_COOKIE=cookies)).get("anonymousId") == anonymous_id


def test_the_cookie_may_have_another_name() -> None:
    """One that would mean something else in a regular expression too."""
    environ = request(HTTP_COOKIE="ajs_anonymous_id=1; v.id=2; vxid=3")
    assert read(environ, anonymous_id_cookie="v.id")["anonymousId"] == "2"


@pytest.mark.parametrize(
    ("peer", "scheme"),
    [("10.0.0.1", "https"), ("", "https"), ("192.0.2.1", "http")],
    ids=["proxy", "socket", "visitor"],
)
def test_the_scheme_is_what_a_trusted_proxy_says(peer: str, scheme: str) -> None:
    """Nobody else."""
    environ = request(REMOTE_ADDR=peer, HTTP_HOST="example.org", HTTP_X_FORWARDED_PROTO="https")
    assert read(environ, trusted_proxies="10.0.0.0/8")["context"]["page"]["url"] == f"{scheme}://example.org/"


@pytest.mark.parametrize("host", ["evil.example/<script>", "a b", "x" * 300, "[::1", "user@example.org", ""])
def test_a_host_that_is_none_makes_no_url(host: str) -> None:
    """The path is told nevertheless."""
    environ = {**request("/cart", HTTP_HOST=host), "SERVER_NAME": ""}
    assert read(environ)["context"]["page"] == {"path": "/cart"}


@pytest.mark.parametrize(
    ("header", "locale"),
    [("de", "de"), (" zh-Hant-TW;q=1", "zh-Hant-TW"), ("*", None), ("e" * 90, None), ("a_b", None)],
)
def test_the_locale_is_the_first_language(header: str, locale: str | None) -> None:
    """What is none is left out."""
    assert read(request(HTTP_ACCEPT_LANGUAGE=header))["context"].get("locale") == locale


def test_text_that_is_not_ascii_comes_as_it_was_meant() -> None:
    """WSGI hands over bytes as if they were Latin-1."""
    utf8 = "/café 50%".encode().decode("latin-1")
    context = read(request(utf8, HTTP_USER_AGENT=utf8))["context"]
    assert (context["page"]["path"], context["userAgent"]) == ("/caf%C3%A9%2050%25", "/café 50%")


anything = st.one_of(
    st.text(st.characters(max_codepoint=255), max_size=300),
    st.text(string.printable, max_size=300),
    st.sampled_from(['"', "\x00", "\xff", "%", "%E9", "a,", "utm_source=&", "é"]).map(lambda piece: piece * 9000),
)
KEYS = [
    "REMOTE_ADDR",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_HOST",
    "HTTP_USER_AGENT",
    "HTTP_REFERER",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_COOKIE",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
]


@given(st.fixed_dictionaries(dict.fromkeys(KEYS, anything)))
def test_nothing_that_a_visitor_sends_breaks_or_swells_a_message(variables: dict[str, str]) -> None:
    """It goes on its way with at most 12 KB of context, which are a third of what it may have, and prints as text."""
    context = read({"wsgi.url_scheme": "http", **variables}, trusted_proxies="0.0.0.0/0")["context"]
    assert len(orjson.dumps(context)) < 12_000
    assert set(context) <= set(FIELDS)
    values = [value for field in context.values() for value in (field.values() if isinstance(field, dict) else [field])]
    assert all(value and value.isprintable() for value in values)
