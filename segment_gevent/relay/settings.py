"""What a relay is told: where the outbox is, how requests are made, and its bounds."""

from __future__ import annotations

from dataclasses import dataclass

from segment_gevent import ConfigError, Options
from segment_gevent.redis_url import RedisUrl

SEGMENTS_LIMIT = 1_000.0
"""Requests a second of a whole workspace, about, past which Segment answers 429."""


@dataclass(frozen=True)
class Settings:
    """How one relay behaves.

    Raises:
        ConfigError: OAuth without a host.
    """

    outbox: RedisUrl
    options: Options
    """How requests are made; its write key and host serve for nothing."""
    host: str = ""
    """Goes over the host that an entry names, for all of them."""
    workers: int = 8
    """Batches on their way to Segment at a time."""
    rate: float = 0.8 * SEGMENTS_LIMIT
    """Requests a second to one host, of all relays together."""
    linger: float = 0.2
    """Seconds that a message waits at most for others to fill a batch with."""
    claim_after: float = 60.0
    """Seconds without a sign of life after which a relay's entries are another's."""
    max_deliveries: int = 10
    """So often may an entry be handed out, and a batch be refused for its sender, before it is a dead letter."""
    max_bytes: int = 64 * 1024 * 1024
    """Bytes of messages in hand, about."""
    max_entries: int = 0
    """Past so many in the stream the oldest go, counted; 0 for no such bound."""
    max_dead: int = 100_000
    """Past so many dead letters the oldest go, counted; 0 for no such bound."""
    stop_within: float = 20.0
    """Seconds to finish in after SIGTERM."""

    def __post_init__(self) -> None:
        if self.options.oauth_client_id and not self.host:
            raise ConfigError("host is missing: with OAuth the token would go to whatever host an entry names")
