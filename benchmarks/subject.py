"""The process of one run: one measure of one library, on one core.

`python -m benchmarks.subject JSON` prints the figures, as JSON, in its last line. `Task` says what the JSON holds.
"""

from __future__ import annotations

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()  # the first line of a gevent server

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from benchmarks.floor import RawSocket, Requests
from benchmarks.libraries import (
    Libhoney,
    Library,
    Nothing,
    PostHog,
    Rudder,
    SegmentGevent,
    SegmentGeventTold,
    SegmentPython,
    Setting,
)

LIBRARIES: dict[str, type[Library]] = {
    library.name: library
    for library in (
        Nothing,
        SegmentGevent,
        SegmentGeventTold,
        SegmentPython,
        Libhoney,
        PostHog,
        Rudder,
        RawSocket,
        Requests,
    )
}


@dataclass(frozen=True)
class Task:
    """What a subject is to do: `arguments` are the measure's own."""

    measure: str
    library: str
    setting: Setting
    host: str
    arguments: Mapping[str, int]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        fields = json.loads(text)
        return cls(**{**fields, "setting": Setting(**fields["setting"])})


def main() -> None:
    from benchmarks.measures import MEASURES, Subject

    task = Task.from_json(sys.argv[1])
    subject = Subject(LIBRARIES[task.library], task.host, task.setting)
    figures = MEASURES[task.measure](subject, **task.arguments)
    print("\n" + json.dumps(figures), flush=True)
    os._exit(0)  # what a library does at exit is no part of the measure, and can take minutes


if __name__ == "__main__":
    main()
