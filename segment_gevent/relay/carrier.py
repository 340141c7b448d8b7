"""The way from a lane to Segment: the library's own sender and transport, with one attempt at a time."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection

from segment_gevent import Options
from segment_gevent.counters import Counters
from segment_gevent.delivery.authorization import Authorization, Basic
from segment_gevent.delivery.sender import Outcome, Sender
from segment_gevent.delivery.transport import HttpTransport, http_transport
from segment_gevent.relay.parcel import Address, Parcel


class Carrier:
    """Sends parcels; a transport a host, and a sender an address."""

    def __init__(self, options: Options, logger: logging.Logger) -> None:
        self._options = options
        self._logger = logger
        self._counters = Counters()
        self._transports: dict[str, HttpTransport] = {}
        self._senders: dict[Address, Sender] = {}
        self._busy: Counter[Address] = Counter()
        self._bearer = _bearer(options)

    def send(self, parcel: Parcel) -> Outcome:
        """Try once; switches."""
        address = parcel.address
        self._busy[address] += 1
        try:
            return self._sender(address).deliver(parcel, once=True)
        finally:
            self._busy[address] -= 1

    def resumes_at(self, address: Address) -> float:
        """The monotonic time before which `send` would wait, for a rate limit that was answered to the address."""
        return self._sender(address).resume_at

    @property
    def addresses(self) -> set[Address]:
        """For whom it has a sender."""
        return set(self._senders)

    def keep_only(self, addresses: Collection[Address]) -> None:
        """Let go of what was for other addresses, and of the connections to their hosts, unless it is in use."""
        for address in self.addresses.difference(addresses):
            if not self._busy[address]:
                del self._senders[address], self._busy[address]
        for host in self._transports.keys() - {address.host for address in self._senders}:
            self._transports.pop(host).close()

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()

    def _sender(self, address: Address) -> Sender:
        sender = self._senders.get(address)
        if sender is None:
            transport = self._transports.get(address.host)
            if transport is None:
                transport = http_transport(f"{address.host}/v1/batch", self._options)
                self._transports[address.host] = transport
            authorization = self._bearer or Basic(address.write_key)
            sender = Sender(
                self._options,
                transport,
                authorization,
                self._counters,
                self._logger,
                destination=address.host,
                kept="what is in the stream waits there",
            )
            self._senders[address] = sender
        return sender


def _bearer(options: Options) -> Authorization | None:
    """One token for all addresses, where there is an OAuth application."""
    if not options.oauth_client_id:
        return None
    from segment_gevent.delivery.oauth.bearer import Bearer
    from segment_gevent.delivery.oauth.client_key import ClientKey

    return Bearer(options, ClientKey(options.oauth_client_key))
