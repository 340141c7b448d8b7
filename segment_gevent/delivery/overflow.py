"""A full queue, and what the option `overflow` does about it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from segment_gevent.delivery import lifecycle
from segment_gevent.delivery.buffer import Buffer
from segment_gevent.delivery.fates import Fates
from segment_gevent.delivery.flusher import HOME_ANSWERS_WITHIN, Flusher
from segment_gevent.delivery.trouble import Trouble
from segment_gevent.words import counted

if TYPE_CHECKING:
    from segment_gevent.delivery.spool.spooling import Spooling

REASON = "queue_full"


class Overflow:
    """Finds room for a message, as the policy says: `drop_newest`, `drop_oldest`, `block` or `spool`."""

    def __init__(
        self,
        policy: str,
        *,
        block_timeout: float,
        buffer: Buffer,
        flusher: Flusher,
        fates: Fates,
        spooling: Spooling | None,
        logger: logging.Logger,
    ) -> None:
        self._policy = policy
        self._block_timeout = block_timeout
        self._buffer = buffer
        self._flusher = flusher
        self._fates = fates
        self._spooling = spooling
        self._full = Trouble(logger)

    def put(self, message: bytes, is_closed: Callable[[], bool]) -> bool:
        """Put the message into the buffer, which was full a moment ago; whether it is in. Else the caller drops it.

        Switches with `block` and `spool`, but not in the hub, where `block` refuses and `spool` blocks for the disk.
        """
        self._flusher.make_room()
        policy = self._policy if len(message) <= self._buffer.max_bytes else "drop_newest"
        is_in = (
            (policy == "drop_oldest" and self._in_place_of_oldest(message))
            or (policy == "block" and self._when_there_is_room(message, is_closed))
            or (policy == "spool" and self._after_spooling(message))
        )
        if not is_in and not is_closed():
            self._say_full()
        return is_in

    def ease(self) -> None:
        """Messages left the buffer: say so, if it was full, and half of the room is free again."""
        if self._full and self._buffer.is_half_empty:
            # Half-way down, so that a queue on the brink is one trouble and not hundreds.
            self._full.end("the queue has room again; %s dropped")

    def _in_place_of_oldest(self, message: bytes) -> bool:
        while not self._buffer.put(message, time.monotonic()):
            if (oldest := self._flusher.drop_oldest()) is not None:
                if self._spooling is not None:
                    self._spooling.settled(self._buffer.taken - 1, 1)
                self._say_full(oldest)
                self._fates.drop([oldest], REASON)
        return True

    def _when_there_is_room(self, message: bytes, is_closed: Callable[[], bool]) -> bool:
        if lifecycle.in_hub():
            return False
        deadline = time.monotonic() + self._block_timeout
        with lifecycle.BorrowedHub(), self._flusher.waiting_for_room() as room:
            while not self._buffer.put(message, time.monotonic()):
                seconds = deadline - time.monotonic()
                if seconds <= 0 or is_closed():
                    return False
                with self._dropping_if_interrupted(message):
                    room.wait(min(seconds, HOME_ANSWERS_WITHIN))
                self._flusher.make_room()  # should the home hub have ended meanwhile
        return True

    def _after_spooling(self, message: bytes) -> bool:
        """Put the oldest messages on disk until there is room."""
        assert self._spooling is not None
        while not self._buffer.put(message, time.monotonic()):
            with self._dropping_if_interrupted(message):
                if not self._flusher.set_aside(self._spooling.keep):
                    return False
        return True

    @contextmanager
    def _dropping_if_interrupted(self, message: bytes) -> Iterator[None]:
        """A time-out of the caller's may end its wait: the call is counted, and so must the message's fate be."""
        try:
            yield
        except BaseException:
            self._fates.drop([message], REASON)
            raise

    def _say_full(self, *dropped: bytes) -> None:
        """Once, until there is room again; the `dropped` were in the queue that was full."""
        self._full.start(
            "the queue is full (%s, %d bytes): messages are dropped, as overflow=%r says",
            counted(self._buffer.waiting() + len(dropped), "message"),
            self._buffer.size + sum(map(len, dropped)),
            self._policy,
        )
