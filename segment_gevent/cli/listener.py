"""Hears what a command's client says in the log: why delivery fails is kept, other warnings may be printed."""

from __future__ import annotations

import logging

from rich.console import Console

from segment_gevent import DeliveryError
from segment_gevent.delivery.retry import is_about_sender


class Listener(logging.Handler):
    """A context manager, within which it listens.

    Attributes:
        failure: why delivery failed last, None if it never did.
    """

    def __init__(self, console: Console | None = None) -> None:
        super().__init__(logging.WARNING)
        self.failure: DeliveryError | None = None
        self._console = console

    @property
    def is_hopeless(self) -> bool:
        """Whether the key, the token or the host is wrong, so that no later try could end better."""
        return self.failure is not None and is_about_sender(self.failure.status)

    def emit(self, record: logging.LogRecord) -> None:
        values = record.args if isinstance(record.args, tuple) else ()
        failures = [value for value in values if isinstance(value, DeliveryError)]
        if failures:
            self.failure = failures[0]
        elif self._console is not None:
            self._console.print(record.getMessage(), markup=False, soft_wrap=True)

    def __enter__(self) -> Listener:
        logging.getLogger("segment_gevent").addHandler(self)
        return self

    def __exit__(self, *_error: object) -> None:
        logging.getLogger("segment_gevent").removeHandler(self)
