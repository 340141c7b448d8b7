"""For tests: transports that record or answer by a script, and the events of an application under test."""

from segment_gevent.testing.events import Match, SegmentEvents
from segment_gevent.testing.recorder import disabled, recorded
from segment_gevent.testing.transports import Answer, Hold, RecordingTransport, ScriptedTransport, Sent, response

__all__ = [
    "Answer",
    "Hold",
    "Match",
    "RecordingTransport",
    "ScriptedTransport",
    "SegmentEvents",
    "Sent",
    "disabled",
    "recorded",
    "response",
]
