"""What a measure is given: a library, and where it is to send."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import event
from benchmarks.libraries import Library, Setting

Figures = dict[str, float]

WARM_UP = 500
"""Events that fill caches, open the connection and import what is imported with the first send."""


@dataclass(frozen=True)
class Subject:
    """One library, its setting, and the server."""

    kind: type[Library]
    host: str
    setting: Setting

    def start(self) -> Library:
        """The library, connected."""
        return self.kind(self.host, self.setting)

    def start_warm(self) -> Library:
        """The library after its first events were delivered."""
        library = self.start()
        for number in range(WARM_UP):
            library.track(*event.make(number))
        library.flush()
        return library
