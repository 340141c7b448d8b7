"""The way to the outbox: batches go to a stream in Redis, over gevent's sockets. The redis library, which loads ssl, is
imported with the first send.
"""

from __future__ import annotations

from importlib.util import find_spec

from segment_gevent.delivery.transport import GeventTransport, Session
from segment_gevent.errors import ConfigError, DeliveryError
from segment_gevent.options import Options
from segment_gevent.redis_url import RedisUrl, parse


class OutboxTransport(GeventTransport):
    """Adds batches to a stream, from where relays send them; the answer is an `Accepted`, status 202.

    Reasons: `"timeout"`, `"connection"`, `"tls"`, `"dns"`, `"outbox"` (Redis answered, and did not take the batch) and
    `"transport"`.

    Raises:
        ConfigError: the extra `redis` is not installed.
    """

    def __init__(self, url: RedisUrl, options: Options) -> None:
        super().__init__()
        if find_spec("redis") is None:
            raise ConfigError("outbox needs the extra `redis`: pip install 'segment-gevent[redis]'")
        self._url = url
        self._options = options

    @property
    def shown(self) -> str:
        """Where batches go, for the log."""
        return self._url.shown

    def _open(self) -> Session:
        from segment_gevent.delivery.outbox.session import OutboxSession, sockets_of

        if self._sockets is None:
            self._sockets = sockets_of(self._url, self._options.verify)
        return OutboxSession(self._url, self._options, self._sockets)

    def _delivery_error(self, error: Exception) -> DeliveryError:
        try:
            from segment_gevent.delivery.outbox.faults import delivery_error
        except Exception:
            return DeliveryError(f"redis cannot be used: {type(error).__name__}", reason="transport")
        return delivery_error(error, self._url.shown)


def outbox_transport(options: Options) -> OutboxTransport:
    """The transport to the outbox that the options name."""
    return OutboxTransport(parse("outbox", options.outbox), options)
