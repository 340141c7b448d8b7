"""The buffer: first in, first out, bounded, and exact whichever native threads use it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import gevent.queue
import pytest

from segment_gevent.delivery.buffer import AGE_STEP, Buffer
from segment_gevent.events.batch import Batch, Envelope


@pytest.fixture
def _many_thread_switches() -> Iterator[None]:
    """The interpreter changes threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def buffer(max_messages: int = 1_000_000, max_bytes: int = 1_000_000_000) -> Buffer:
    return Buffer(max_messages=max_messages, max_bytes=max_bytes)


def test_messages_leave_in_the_order_in_which_they_came() -> None:
    """Ordinals count up from 0."""
    queue = buffer()
    for number in range(3):
        assert queue.put(b"%d" % number, 0.0)
    assert (queue.waiting(), queue.size, queue.accepted, queue.taken) == (3, 3, 3, 0)
    assert [queue.take() for _ in range(3)] == [b"0", b"1", b"2"]
    assert (queue.waiting(), queue.size, queue.accepted, queue.taken) == (0, 0, 3, 3)
    with pytest.raises(gevent.queue.Empty):
        queue.take()


@pytest.mark.parametrize(("messages", "size"), [(2, 1_000), (1_000, 8)])
def test_a_full_buffer_takes_nothing(messages: int, size: int) -> None:
    """Full of messages or full of bytes, to the byte; what leaves makes room."""
    queue = buffer(messages, size)
    assert (queue.put(b"1234", 0.0), queue.put(b"1234", 0.0), queue.put(b"1", 0.0)) == (True, True, False)
    assert queue.accepted == 2
    assert not queue.is_half_empty
    queue.take()
    assert queue.is_half_empty
    assert queue.put(b"1", 0.0)


def test_it_is_half_empty_when_both_bounds_say_so() -> None:
    """A queue that is full of bytes stays full though its messages are few."""
    queue = buffer(1_000, 8)
    queue.put(b"1234567", 0.0)
    assert not queue.is_half_empty


def test_the_age_is_that_of_the_oldest() -> None:
    """To a tenth of a second, never younger than it is; none where none waits."""
    queue = buffer()
    assert queue.oldest is None
    for number in range(10):
        queue.put(b"x", 100.0 + number)
    ages = []
    while queue.waiting():
        ages.append(queue.oldest)
        queue.take()
    assert ages == [100.0 + number for number in range(10)]
    assert queue.oldest is None
    queue.put(b"x", 109.01)
    assert queue.oldest == 109.01


def test_a_message_put_in_while_another_thread_takes_has_its_age() -> None:
    """Though the buffer was emptied after it was seen that a mark was there."""
    queue = buffer()

    class Late(float):
        """The moment of a put that is held up once it has looked for a mark."""

        def __ge__(self, other: float) -> bool:
            is_later = float(self) >= other
            queue.take()
            return is_later

    queue.put(b"", 100.0)
    queue.put(b"", Late(100.05))
    assert queue.oldest == 100.0
    queue.put(b"", 100.2)
    queue.take()
    assert queue.oldest == 100.2


def test_messages_of_one_moment_share_a_mark() -> None:
    """The age of a million waiting messages costs a float a tenth of a second."""
    queue = buffer()
    came = [100.0 + number * AGE_STEP / 7 for number in range(100)]
    for when in came:
        queue.put(b"x", when)
    for when in came:
        assert queue.oldest is not None
        assert when - AGE_STEP - 1e-9 <= queue.oldest <= when
        queue.take()


@pytest.mark.usefixtures("_many_thread_switches")
def test_native_threads_lose_no_message_and_no_byte() -> None:
    """Eight put while one takes: counts are exact in the end, and `accepted` never goes back or runs ahead."""
    queue = buffer()
    threads, each = 8, 2_000
    taken: list[bytes] = []
    seen: list[int] = []

    def put(number: int) -> None:
        for count in range(each):
            queue.put(b"%d-%d" % (number, count), count / 1_000)

    def take() -> None:
        while len(taken) < threads * each:
            seen.append(queue.accepted)
            batch = Batch(Envelope("key"))
            queue.fill(batch)
            taken.extend(batch.messages)
            if queue.waiting():
                taken.append(queue.take())

    workers = [threading.Thread(target=put, args=(number,)) for number in range(threads)]
    workers.append(threading.Thread(target=take))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (queue.accepted, queue.taken, queue.waiting(), queue.size) == (16_000, 16_000, 0, 0)
    assert seen == sorted(seen)
    for number in range(threads):
        own = [message for message in taken if message.startswith(b"%d-" % number)]
        assert own == [b"%d-%d" % (number, count) for count in range(each)]


def test_the_tail_is_what_waits_from_an_ordinal_on() -> None:
    """In order, as it stands; all of it from an ordinal that has left, none from the next one."""
    buffer = Buffer(max_messages=100, max_bytes=1_000)
    for number in range(5):
        buffer.put(b"%d" % number, 0.0)
    buffer.take()
    assert [buffer.tail(ordinal) for ordinal in (0, 1, 3, 5)] == [[b"1", b"2", b"3", b"4"]] * 2 + [[b"3", b"4"], []]


def test_the_tail_is_right_while_another_thread_puts() -> None:
    """No message is left out or comes twice."""
    buffer = Buffer(max_messages=100_000, max_bytes=10_000_000)
    thread = threading.Thread(target=lambda: [buffer.put(b"%d" % number, 0.0) for number in range(50_000)])
    thread.start()
    found: list[bytes] = []
    while thread.is_alive() or len(found) < buffer.accepted:
        found += buffer.tail(len(found))
    thread.join()
    assert found == [b"%d" % number for number in range(50_000)]
