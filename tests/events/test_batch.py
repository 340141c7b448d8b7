"""Batches: exact sizes, both sides of each limit, and the envelope."""

import json
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_gevent.events.batch import BATCH_BYTES, BATCH_MESSAGES, Batch, Envelope
from segment_gevent.events.timestamps import stamp

SENT_AT = "2026-11-23T15:19:40.388Z"


def message_of(length):
    """A JSON message of just `length` bytes."""
    return b'{"a":"' + b"x" * (length - 8) + b'"}'


def test_an_empty_batch_is_an_empty_envelope():
    """With nothing between the brackets."""
    batch = Batch(Envelope("key"))
    assert batch.body(SENT_AT) == b'{"batch":[],"sentAt":"2026-11-23T15:19:40.388Z","writeKey":"key"}'
    assert batch.size == len(batch.body(SENT_AT))
    assert len(batch) == 0


@given(st.lists(st.dictionaries(st.text(), st.text())), st.text(), st.floats(0, 253402300799))
def test_the_size_is_that_of_the_body(contents, write_key, now):
    """To the byte, after each message, with any write key and at any time; and the body says what went in."""
    batch = Batch(Envelope(write_key))
    for content in contents:
        before = batch.size
        batch.add(json.dumps(content).encode())
        assert batch.size > before
        assert batch.size == len(batch.body(stamp(now)))
    assert json.loads(batch.body(stamp(now))) == {"batch": contents, "sentAt": stamp(now), "writeKey": write_key}
    assert batch.payload(stamp(now)) == {"batch": contents, "sentAt": stamp(now)}
    assert len(batch) == len(contents)


@given(st.text(), st.lists(st.integers(8, 32_768), max_size=40))
def test_the_bytes_are_used_up_to_the_limit(write_key, lengths):
    """A message that makes the body just 500,000 bytes fits, and none that is one byte longer."""
    batch = Batch(Envelope(write_key))
    for length in lengths:
        if batch.size + length < BATCH_BYTES - 100:
            assert batch.fits(message_of(length))
            batch.add(message_of(length))
    room = BATCH_BYTES - batch.size - (1 if len(batch) else 0)
    assert not batch.fits(message_of(room + 1))
    assert batch.fits(message_of(room))
    batch.add(message_of(room))
    assert len(batch.body(SENT_AT)) == batch.size == BATCH_BYTES
    assert not batch.fits(b"0")


@given(st.lists(st.integers(8, 32_768), max_size=40), st.booleans())
def test_a_queue_is_taken_up_to_the_limit(lengths, is_short):
    """The messages that `fits` would let in one by one, in their order; the rest stays."""
    waiting = [message_of(length) for length in lengths] * (1 if is_short else 3)
    wanted, batch, queue = Batch(Envelope("key")), Batch(Envelope("key")), deque(waiting)
    while len(wanted) < len(waiting) and wanted.fits(waiting[len(wanted)]):
        wanted.add(waiting[len(wanted)])
    batch.take_from(queue)
    assert (batch.messages, batch.size) == (wanted.messages, wanted.size)
    assert batch.messages + list(queue) == waiting


def test_2500_are_taken_from_a_queue():
    """And no more, however small."""
    batch, queue = Batch(Envelope("key")), deque([b"{}"] * (BATCH_MESSAGES + 1))
    batch.take_from(queue)
    assert (len(batch), len(queue)) == (BATCH_MESSAGES, 1)
    assert batch.size == len(batch.body(SENT_AT))


def test_nothing_is_lost_where_a_signal_handler_raises():
    """What left the queue is in the batch, whose size says so."""

    class Interrupted(deque):
        def popleft(self):
            super().popleft()
            if len(self) == 2:
                raise KeyboardInterrupt
            return b""

    batch, queue = Batch(Envelope("key")), Interrupted([b"0", b"1", b"2", b"3"])
    with pytest.raises(KeyboardInterrupt):
        batch.take_from(queue)
    assert batch.messages + list(queue) == [b"0", b"1", b"2", b"3"]
    assert batch.size == len(batch.body(SENT_AT))


def test_messages_are_taken_up_to_the_limit():
    """The 2,500th fits, the next does not."""
    batch = Batch(Envelope("key"))
    for _ in range(BATCH_MESSAGES - 1):
        batch.add(b"{}")
    assert batch.fits(b"{}")
    batch.add(b"{}")
    assert len(batch) == BATCH_MESSAGES
    assert not batch.fits(b"{}")


@pytest.mark.parametrize("sent_at", ["", "2026-11-23T15:19:40Z", SENT_AT + "0"])
def test_another_length_of_sent_at_is_refused(sent_at):
    """The size would be wrong."""
    with pytest.raises(ValueError, match="sentAt must be 24 characters"):
        Batch(Envelope("key")).body(sent_at)


def test_the_write_key_is_not_in_what_is_shown():
    """Neither in the payload for callbacks nor in a repr."""
    envelope = Envelope("secret-key")
    batch = Batch(envelope)
    batch.add(b"{}")
    assert "secret-key" not in f"{batch!r} {envelope!r} {batch.payload(SENT_AT)}"
