"""The libraries that are compared, each behind the same four calls, and each set up as its documentation says.

None is imported before it is started: a subject's process has only the one that it measures. Queues are as large as
they must be for no event to be refused, and each has a callback for failures where it knows one.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

from benchmarks import event

ROOM = 4_000_000
"""Events that each library may queue."""

KEY = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Setting:
    """How a library is set up; what is None stays as the library has it by default."""

    flush_at: int | None = None
    gzip: bool | None = None

    def options(self, flush_at: str, gzip: str) -> dict[str, Any]:
        """What was set, by the names that a library has for the two."""
        named = {flush_at: self.flush_at, gzip: self.gzip}
        return {name: value for name, value in named.items() if value is not None}


class Library(ABC):
    """One library, connected to `host`."""

    name: ClassVar[str]
    """As on PyPI."""
    module: ClassVar[str]
    """What an application imports."""

    track: Callable[[str, str, dict[str, Any]], object]
    """Send an event of this session and user, with these properties."""

    _complained = False

    @abstractmethod
    def __init__(self, host: str, setting: Setting) -> None: ...

    def complain(self, error: object) -> None:
        """Say of the first failure what it was; how many events were lost is what the sink's count tells."""
        if not self._complained:
            self._complained = True
            print(f"{self.name}: {error}", file=sys.stderr)

    @abstractmethod
    def flush(self) -> None:
        """Wait until all that was tracked is delivered; the library can be used after it."""

    @abstractmethod
    def close(self) -> None:
        """End it in the way that its documentation names."""


class Nothing(Library):
    """The empty harness: what a measure itself costs, which is taken off the others'."""

    name = "nothing"
    module = "gevent"

    def __init__(self, host: str, setting: Setting) -> None:
        pass

    def track(self, session: str, user: str, properties: dict[str, Any]) -> None:
        """Take the three and do nothing."""

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


class SegmentGevent(Library):
    """This package, with callbacks for what fails and what is dropped."""

    name = "segment-gevent"
    module = "segment_gevent"

    def __init__(self, host: str, setting: Setting) -> None:
        import segment_gevent

        self.client = client = segment_gevent.Client(
            KEY,
            host=host,
            max_queue_size=ROOM,
            max_queue_bytes=ROOM * 1000,
            **setting.options("flush_at", "gzip"),
        )
        client.on_failure(lambda _, error: self.complain(error))
        client.on_drop(lambda _, reason: self.complain(reason))
        track = client.track
        self.track = lambda session, user, properties: track(session, user, event.NAME, properties)

    def flush(self) -> None:
        self.client.flush(600)

    def close(self) -> None:
        self.client.shutdown()


class SegmentGeventTold(SegmentGevent):
    """The same with an `on_success` that does nothing: each delivered batch is decoded for it."""

    name = "segment-gevent, on_success"

    def __init__(self, host: str, setting: Setting) -> None:
        super().__init__(host, setting)
        self.client.on_success(lambda *_: None)


class SegmentPython(Library):
    """Segment's own, for threads."""

    name = "segment-analytics-python"
    module = "segment.analytics"

    def __init__(self, host: str, setting: Setting) -> None:
        self.client = client = import_module(f"{self.module}.client").Client(
            KEY,
            host=host,
            max_queue_size=ROOM,
            on_error=lambda error, _: self.complain(error),
            **setting.options("upload_size", "gzip"),
        )
        track = client.track
        self.track = lambda session, user, properties: track(user, event.NAME, properties, anonymous_id=session)

    def flush(self) -> None:
        self.client.flush()

    def close(self) -> None:
        self.client.shutdown()


class Rudder(SegmentPython):
    """RudderStack's, which began as Segment's."""

    name = "rudder-sdk-python"
    module = "rudderstack.analytics"


class PostHog(Library):
    """PostHog's."""

    name = "posthog"
    module = "posthog"

    def __init__(self, host: str, setting: Setting) -> None:
        from posthog import Posthog

        self.client = client = Posthog(
            KEY,
            host=host,
            max_queue_size=ROOM,
            on_error=lambda error, _: self.complain(error),
            **setting.options("flush_at", "gzip"),
        )
        capture = client.capture
        self.track = lambda _, user, properties: capture(event.NAME, distinct_id=user, properties=properties)

    def flush(self) -> None:
        self.client.flush(600)

    def close(self) -> None:
        self.client.shutdown()


class Libhoney(Library):
    """Honeycomb's: no Segment API, and the cheapest of the peers."""

    name = "libhoney"
    module = "libhoney"

    def __init__(self, host: str, setting: Setting) -> None:
        from libhoney.client import Client
        from libhoney.transmission import Transmission

        # Nobody reads the responses, as is allowed; were they bounded, a flush would wait 10 s for room among them.
        transmission = Transmission(
            max_pending=ROOM, max_responses=0, **setting.options("max_batch_size", "gzip_enabled")
        )
        self.client = client = Client(KEY, dataset="orders", api_host=host, transmission_impl=transmission)
        self.track = lambda session, user, properties: client.new_event(
            {"user": user, "session": session, "event": event.NAME, **properties}
        ).send()

    def flush(self) -> None:
        self.client.flush()

    def close(self) -> None:
        self.client.close()
