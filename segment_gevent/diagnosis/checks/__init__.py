"""What facts mean, a file for each subject: functions of facts alone, which touch nothing of the world."""

from segment_gevent.diagnosis.checks import (
    clock,
    delivery,
    key,
    loop,
    oauth,
    options,
    patching,
    proxies,
    reaching,
    server,
    spool,
    trust,
    versions,
)

__all__ = [
    "clock",
    "delivery",
    "key",
    "loop",
    "oauth",
    "options",
    "patching",
    "proxies",
    "reaching",
    "server",
    "spool",
    "trust",
    "versions",
]
