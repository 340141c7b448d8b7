"""What the outbox answers: a response by its attributes, so that callbacks need not know who took the batch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Accepted:
    """Redis has the batch. Nothing is said of Segment, which gets it from a relay.

    Attributes:
        entry_id: the id of the batch's entry in the stream, such as `"1764363876000-0"`.
        waiting: how many batches the stream held then, this one included.
    """

    status_code = 202
    reason = "Accepted"
    ok = True
    headers = _NO_HEADERS
    content = b""
    text = ""

    def __init__(self, entry_id: str, waiting: int) -> None:
        self.entry_id = entry_id
        self.waiting = waiting

    def json(self) -> dict[str, object]:
        return {"entry_id": self.entry_id, "waiting": self.waiting}

    def __repr__(self) -> str:
        return f"<Accepted as {self.entry_id}>"
