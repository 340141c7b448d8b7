"""What the write key looks like; the key itself is not here."""

from __future__ import annotations

from collections.abc import Iterator

from segment_gevent.diagnosis.facts import Key
from segment_gevent.diagnosis.finding import Finding, Subject
from segment_gevent.words import counted

HERE = Subject("write key")

LENGTH = 32
"""Of Segment's own: letters and digits. Other servers' keys differ."""

_WHERE = "copy it from Connections, Sources, your source, Settings, API Keys"


def findings(facts: Key) -> Iterator[Finding]:
    if not facts.length:
        if facts.is_needed:
            yield HERE.error(
                "key-missing",
                "There is no write key",
                "",
                f"initialize(write_key), SEGMENT_WRITE_KEY, or --write-key; {_WHERE}",
            )
        return
    shape = f"{facts.masked}, {counted(facts.length, 'character')}"
    if facts.is_for_local:
        yield HERE.ok("key", f"A local Segment takes any write key: {shape}")
    elif facts.is_placeholder:
        yield HERE.error("key-placeholder", f"The write key is a placeholder: {shape}", "", _WHERE)
    elif facts.is_quoted:
        yield HERE.error(
            "key-quoted",
            f"The write key has quotes in it: {shape}",
            "Files of environment variables are often read without a shell that takes them off.",
            "write it without quotes",
        )
    elif facts.is_api_token:
        yield HERE.error(
            "key-of-the-api",
            f"This is a token of Segment's Public API and no write key: {shape}",
            "It can change the workspace: treat it as a secret that has been sent to the wrong place.",
            _WHERE,
        )
    elif facts.is_for_segment and (facts.length != LENGTH or not facts.is_alphanumeric):
        yield HERE.warning(
            "key-unusual",
            f"The write key does not look like one of Segment's: {shape}",
            f"Theirs are {LENGTH} letters and digits. Segment answers 200 to unknown keys too, and drops the events.",
            _WHERE,
        )
    else:
        yield HERE.ok("key", f"The write key looks right: {shape}")
    if facts.differs_from_environment:
        yield HERE.note(
            "key-twice", "SEGMENT_WRITE_KEY is set to another key", "The one that was passed goes before it."
        )
