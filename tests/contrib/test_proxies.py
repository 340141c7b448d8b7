"""Whose address a request is from, with honest proxies and with visitors who write headers of their own."""

from __future__ import annotations

from typing import Any

import pytest

from segment_gevent import ConfigError
from segment_gevent.contrib.proxies import Proxies

INSIDE = ["10.0.0.0/8", "fd00::/8"]


@pytest.mark.parametrize(
    ("trusted", "peer", "header", "visitor"),
    [
        pytest.param(0, "192.0.2.1", "203.0.113.9", "192.0.2.1", id="nobody is trusted"),
        pytest.param(0, "", "203.0.113.9", "", id="nobody is trusted, over a Unix socket"),
        pytest.param(1, "10.0.0.1", "192.0.2.1", "192.0.2.1", id="one proxy"),
        pytest.param(1, "10.0.0.1", "203.0.113.9, 192.0.2.1", "192.0.2.1", id="one proxy, and a forged address"),
        pytest.param(1, "", "192.0.2.1", "192.0.2.1", id="one proxy, over a Unix socket"),
        pytest.param(2, "10.0.0.1", "203.0.113.9, 192.0.2.1, 10.0.0.2", "192.0.2.1", id="two proxies"),
        pytest.param(2, "192.0.2.1", "", "192.0.2.1", id="past the proxies"),
        pytest.param(1, "10.0.0.1", "192.0.2.1:4711", "192.0.2.1", id="a port"),
        pytest.param(1, "10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1", id="brackets"),
        pytest.param(1, "10.0.0.1", "unknown", "", id="no address"),
        pytest.param(1, "10.0.0.1", "fe80::1%" + "x" * 5000, "fe80::1", id="a zone"),
        pytest.param(INSIDE, "10.0.0.1", "203.0.113.9, 192.0.2.1, 10.0.0.2", "192.0.2.1", id="networks"),
        pytest.param(INSIDE, "192.0.2.1", "203.0.113.9", "192.0.2.1", id="not from a network"),
        pytest.param(INSIDE, "fd00::1", "::ffff:192.0.2.1", "192.0.2.1", id="an IPv4 address in an IPv6 one"),
        pytest.param(INSIDE, "::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1", id="a proxy in an IPv6 one"),
        pytest.param(INSIDE, "", "192.0.2.1, 10.0.0.2", "192.0.2.1", id="networks, over a Unix socket"),
        pytest.param(INSIDE, "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", id="a visitor inside"),
        pytest.param(INSIDE, "10.0.0.1", "192.0.2.1, _hidden", "", id="beyond it anything may be forged"),
        pytest.param("10.0.0.0/8", "10.0.0.1", "192.0.2.1", "192.0.2.1", id="one network"),
        pytest.param(INSIDE, "10.0.0.1", "10.0.0.9," * 900, "", id="more hops than are looked through"),
    ],
)
def test_the_header_is_believed_as_far_as_proxies_are(trusted: Any, peer: str, header: str, visitor: str) -> None:
    """From its end on; what a visitor wrote into it before is never their address."""
    environ = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": header}
    assert Proxies(trusted).visitor(environ) == visitor


@pytest.mark.parametrize(
    ("trusted", "peer", "visitor"), [(1, "10.0.0.1", "192.0.2.1"), (INSIDE, "198.51.100.7", "198.51.100.7")]
)
def test_another_header_has_a_single_address(trusted: Any, peer: str, visitor: str) -> None:
    """Set by a proxy; from anybody else it is not read."""
    environ = {"REMOTE_ADDR": peer, "HTTP_X_REAL_IP": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    assert Proxies(trusted, "X-Real-IP").visitor(environ) == visitor


def test_a_proxy_that_sets_no_header_has_made_the_request_itself() -> None:
    """As a health check."""
    assert Proxies(1).visitor({"REMOTE_ADDR": "10.0.0.1"}) == "10.0.0.1"
    assert Proxies(1, "X-Real-IP").visitor({"REMOTE_ADDR": "10.0.0.1"}) == "10.0.0.1"


@pytest.mark.parametrize(
    "trusted", [-1, "everybody", ["10.0.0.1/8"], None, True, False, 1.5, b"10.0.0.0/8", [7], [None]]
)
def test_what_names_no_proxies_is_refused(trusted: Any) -> None:
    """Where it is said, and not with the first request."""
    with pytest.raises(ConfigError, match="trusted_proxies must be a number"):
        Proxies(trusted)
