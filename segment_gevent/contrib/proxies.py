"""Which of the addresses that a request names is its visitor's: anybody may write any into a header.

Each proxy appends to `X-Forwarded-For` whom it got the request from. So the header is true from its end on, as far as
those are trusted who appended; what stands before that was written by the visitor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, TypeAlias, cast

from segment_gevent import ConfigError
from segment_gevent.contrib.arguments import token, wrong

Address: TypeAlias = "IPv4Address | IPv6Address"
Network: TypeAlias = "IPv4Network | IPv6Network"

_WANTED = "a number from 0 on, or networks such as '10.0.0.0/8'"

_APPENDED = "HTTP_X_FORWARDED_FOR"
# Proxies that are looked through: a header of 8 KB names up to 1,000, each of which costs a microsecond.
_MOST_HOPS = 16


class Proxies:
    """The proxies that are trusted, and where they write whom a request is from.

    Args:
        trusted: how many proxies stand in front of the application, each of which appends to the header; or the
            networks that they are in, as `["10.0.0.0/8"]`.
        header: where the address stands. Another than `X-Forwarded-For`, such as `X-Real-IP`, is a single address,
            which the nearest proxy must set in every request.

    Raises:
        ConfigError: `trusted` is neither, or `header` is no name; the text calls them as `SegmentMiddleware` does.
    """

    def __init__(self, trusted: int | str | Iterable[str] = 0, header: str = "X-Forwarded-For") -> None:
        named = token("client_header", header, "the name of a header")
        self._key = "HTTP_" + named.upper().replace("-", "_")
        is_count = isinstance(trusted, int) and not isinstance(trusted, bool)
        self._count = cast("int", trusted) if is_count else 0
        self._networks = [] if is_count and self._count >= 0 else _networks(trusted)

    def visitor(self, environ: Mapping[str, Any]) -> str:
        """The visitor's address, "" where none can be told."""
        peer = environ.get("REMOTE_ADDR") or ""
        if not self.sent(peer):
            return _shown(_address(peer))
        header = environ.get(self._key) or ""
        if self._key != _APPENDED:
            return _shown(_address(header or peer))
        named = header.rsplit(",", max(_MOST_HOPS, self._count)) if header else []
        return _shown(self._at_their_count([*named, peer]) if self._count else self._beyond_them([*named, peer]))

    def sent(self, peer: str) -> bool:
        """Whether a request from this address came through a trusted proxy, as one over a Unix socket does."""
        if self._count:
            return True
        return bool(self._networks) and (not peer or self._has(_address(peer)))

    def _at_their_count(self, chain: list[str]) -> Address | None:
        """A shorter chain than the proxies make did not come through all of them; its last is who connected."""
        return _address(chain[-self._count - 1] if len(chain) > self._count else chain[-1])

    def _beyond_them(self, chain: list[str]) -> Address | None:
        address = None
        for text in reversed(chain):
            if not text:  # a Unix socket's peer
                continue
            address = _address(text)
            if not self._has(address):
                break
        return address

    def _has(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _networks(trusted: object) -> list[Network]:
    networks = [trusted] if isinstance(trusted, str) else trusted
    if isinstance(networks, bytes) or not isinstance(networks, Iterable):
        raise wrong("trusted_proxies", _WANTED, trusted)
    return [_network(each) for each in networks]


def _network(given: object) -> Network:
    if not isinstance(given, str | IPv4Network | IPv6Network):  # of a number `ip_network` makes one, too
        raise wrong("trusted_proxies", _WANTED, given)
    try:
        return ip_network(given)
    except ValueError as error:
        raise ConfigError(f"trusted_proxies must be {_WANTED}: {error}") from None


def _address(text: str) -> Address | None:
    """An address as proxies write it, a port or brackets around it; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])  # after it stands a zone, which may be any text
    except ValueError:
        return None
    # What a socket for both protocols makes of an IPv4 address.
    return getattr(address, "ipv4_mapped", None) or address


def _shown(address: Address | None) -> str:
    return "" if address is None else str(address)
