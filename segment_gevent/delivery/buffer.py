"""The messages that wait: a gevent queue of encoded messages, bounded in number and bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from operator import length_hint

from gevent.queue import Queue

from segment_gevent.events.batch import Batch

AGE_STEP = 0.1
"""Seconds between two marks of the buffer's age: one float a tenth of a second, and none a message."""


class Buffer:
    """First in, first out; nobody ever blocks on it, so any native thread, hub or signal handler may put.

    The queue is unbounded and the bound is kept here: a bounded blocking put from another thread ends in LoopExit,
    and a put that wakes a getter is not seen by another thread's hub until its next timer.

    Args:
        on_mark: called after a put, at most once in `AGE_STEP` seconds and whenever the buffer was empty: for looks
            that would be too dear at each message.

    Attributes:
        accepted: how many messages were ever put; the ordinal that the next one gets. Never one that is not there yet.
        taken: how many left; the ordinal of the oldest that waits. One thread at a time takes.
    """

    def __init__(self, *, max_messages: int, max_bytes: int, on_mark: Callable[[], None] | None = None) -> None:
        self.max_messages = max_messages
        self.max_bytes = max_bytes
        self._bytes_in = 0  # grows by a plain `+=` of a name only, which no other native thread can interrupt
        self._bytes_out = 0
        self.accepted = 0
        self.taken = 0
        self._queue: Queue[bytes] = Queue()
        self._marks: deque[tuple[int, float]] = deque()
        self._next_mark = 0.0
        self._on_mark = on_mark
        self.waiting = self._queue.qsize
        self._append = self._queue.put_nowait

    @property
    def size(self) -> int:
        """Bytes of the messages that wait."""
        return self._bytes_in - self._bytes_out

    @property
    def is_half_empty(self) -> bool:
        """Whether half of the room, in messages and in bytes, is free again."""
        return self.waiting() <= self.max_messages // 2 and self.size <= self.max_bytes // 2

    @property
    def is_full(self) -> bool:
        """Whether no more messages may wait."""
        return self.waiting() >= self.max_messages or self.size >= self.max_bytes

    @property
    def oldest(self) -> float | None:
        """When, in monotonic seconds, the oldest waiting message came, to `AGE_STEP`; None if none waits."""
        if not self.waiting():
            return None
        mark = self._marks[0]  # there is one from the first message on
        with suppress(IndexError):
            following = self._marks[1]
            if following[0] <= self.taken:  # opened by the first that came after the buffer was empty
                mark = following
        return mark[1]

    def put(self, message: bytes, now: float) -> bool:
        """Take a message in at the monotonic time `now`; False when the buffer is full. Never switches."""
        size = len(message)
        if self.waiting() >= self.max_messages or self._bytes_in - self._bytes_out + size > self.max_bytes:
            return False
        is_mark = now >= self._next_mark
        if is_mark:
            self._next_mark = now + AGE_STEP
            self._marks.append((self.accepted, now))
        self._bytes_in += size
        try:
            self._append(message)
        finally:  # what is raised here, a signal handler raised after the append: the message is in
            self.accepted += 1
        if is_mark and self._on_mark is not None:
            self._on_mark()
        return True

    def take(self) -> bytes:
        """The oldest message, which leaves.

        Raises:
            gevent.queue.Empty: none waits.
        """
        message = self._queue.get_nowait()
        self._account(1, len(message))
        return message

    def fill(self, batch: Batch) -> None:
        """Move the oldest messages into an empty batch, as many as fit."""
        # The deque within: `get_nowait` would do the same, at six times the cost for a batch of a hundred.
        queue = self._queue.queue
        try:
            batch.take_from(queue)
        finally:  # what is raised here, a signal handler raised: the last message may be in both, and leaves now
            if queue and batch.messages and queue[0] is batch.messages[-1]:
                queue.popleft()
            self._account(len(batch), sum(map(len, batch.messages)))

    def _account(self, messages: int, size: int) -> None:
        """So many messages, of so many bytes, have left."""
        self._bytes_out += size
        self.taken += messages
        while len(self._marks) > 1 and self._marks[1][0] <= self.taken:
            self._marks.popleft()
        if not self.waiting():
            # The next message must open a new mark, or it would look as old as this one. The old mark stays: another
            # thread may have put a message in since it looked whether it must.
            self._next_mark = 0.0

    def tail(self, ordinal: int) -> list[bytes]:
        """The messages that wait, from `ordinal` on, oldest first; takes time for these alone. Not while one takes."""
        while True:
            backwards = reversed(self._queue.queue)
            number = length_hint(backwards) - (ordinal - self.taken)
            with suppress(RuntimeError):  # another thread, or a signal handler, put one in since
                return list(islice(backwards, max(0, number)))[::-1]
