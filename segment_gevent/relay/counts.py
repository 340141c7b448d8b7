"""What one relay did since its start."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Counts:
    """Of messages, where no other unit is named."""

    entries_read: int = 0
    entries_claimed: int = 0
    entries_finished: int = 0
    entries_parked: int = 0
    """Put aside in the stream, for a host or a key in trouble."""
    entries_lost: int = 0
    """Another relay claimed them while this one still had them."""
    delivered: int = 0
    dead: int = 0
    trimmed: int = 0
    """Gone from the stream, since it was past its bound."""
    requests: Counter[str] = field(default_factory=Counter)
    """By the answer's status; those without one by the reason."""
    bytes_sent: int = 0
    """Of JSON, before compression."""
    waited_for_rate: float = 0.0
    """Seconds, of all batches together."""
    paused: float = 0.0
    """Seconds that rate limits asked for."""
