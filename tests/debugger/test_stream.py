"""The stream tells what arrives, as it arrives, to who listens."""

from __future__ import annotations

from servers.local_segment import LocalSegment
from servers.segment_calls import batch, headers, message
from servers.stream_listener import listening

from segment_gevent.debugger import stream
from segment_gevent.debugger.connection import Connection
from segment_gevent.debugger.query import Query
from segment_gevent.debugger.state import State
from segment_gevent.debugger.store import EventStore


def send(server: LocalSegment, *messages: object) -> None:
    with Connection(server.url) as connection:
        assert connection.request("POST", "/v1/batch", batch(*messages), headers())[0] == 200


def test_what_arrives_is_told(segment_server: LocalSegment) -> None:
    """A frame at once with what there is to know, then one with the new events, newest first."""
    send(segment_server, message(0))
    with listening(segment_server) as listener:
        head = listener.head()
        assert head[0].endswith(b"200 ok")
        assert b"content-type: text/event-stream" in head
        name, first = listener.frame()
        assert (name, first["last"], first["matched"], first["events"], first["faults"]) == ("change", 1, 0, [], 0)
        assert [sum(types.values()) for types in first["seconds"].values()] == [1]
        assert (first["types"], first["kept"], first["held"]) == ({"track": 1}, 1, 0)
        send(segment_server, message(1), message(2))
        frames = listener.until(3)
    assert sum(frame["matched"] for frame in frames) == 2
    assert [event["id"] for event in frames[-1]["events"]] == [3, 2]
    assert frames[-1]["summary"] == {"total": 3, "valid": 3, "invalid": 0, "duplicates": 0, "requests": 2}


def test_only_what_was_asked_for_is_told(segment_server: LocalSegment) -> None:
    """By the filters of the events; the counts are of all."""
    with listening(segment_server, "?event=Wanted&type=track") as listener:
        listener.frame()
        send(segment_server, message(1), message(2, event="Wanted"), message(3))
        frames = listener.until(3)
    assert [event["message"]["event"] for frame in frames for event in frame["events"]] == ["Wanted"]
    assert sum(frame["matched"] for frame in frames) == 1
    assert frames[-1]["summary"]["total"] == 3


def test_a_frame_holds_no_more_than_one_can_read(segment_server: LocalSegment) -> None:
    """The newest of many, and how many there were."""
    with listening(segment_server) as listener:
        listener.frame()
        send(segment_server, *(message(number) for number in range(500)))
        frames = listener.until(500)
    assert sum(frame["matched"] for frame in frames) == 500
    assert len(frames[-1]["events"]) == 50


def test_a_reset_and_faults_are_told(segment_server: LocalSegment) -> None:
    """The reset with a frame of its own, before what comes after it."""
    send(segment_server, message(1))
    with listening(segment_server) as listener:
        listener.frame()
        segment_server.faults([{"status": 500}])
        assert listener.frame()[1]["faults"] == 1
        segment_server.reset()
        assert listener.frame() == ("reset", {})
        name, frame = listener.frame()
        assert (name, frame["summary"]["total"], frame["seconds"], frame["faults"]) == ("change", 0, {}, 0)
        send(segment_server, message(1))
        assert [event["id"] for event in listener.until(2)[-1]["events"]] == [2]


def test_silence_is_told_from_a_lost_connection() -> None:
    """A comment now and then, where nothing changes."""
    store = EventStore()
    frames = stream.frames(State(store), Query(), heartbeat=0.01)
    assert next(frames).startswith(b"event: change")
    assert next(frames).startswith(b":")
    frames.close()
    store.close()
