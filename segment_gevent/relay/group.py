"""The consumer group, to one relay of it: reads entries, keeps them, claims those of dead relays, finishes them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import redis
from redis.exceptions import ResponseError

from segment_gevent.delivery.outbox.keys import GROUP, PARKED, Keys
from segment_gevent.events.batch import BATCH_MESSAGES
from segment_gevent.relay import scripts
from segment_gevent.relay.received import Letter, Received

Fields = Mapping[bytes, bytes]
Given = tuple[bytes, Fields]
"""An entry's id and fields, as Redis gives them."""

PAGE = 1_000
"""Entries asked for at a time where there may be any number of them."""

LONG_IDLE = 7 * 24 * 3_600_000
"""Milliseconds: what is handed over counts as idle for so long, so that any relay claims it at once."""


class Group:
    """One consumer. Every method waits cooperatively, and raises what the redis library raises."""

    def __init__(self, client: redis.Redis, keys: Keys, name: str) -> None:
        self.name = name
        self.keys = keys
        self._redis = client
        self._create: Any = client.register_script(scripts.CREATE)
        self._finish: Any = client.register_script(scripts.FINISH)
        self._trim: Any = client.register_script(scripts.TRIM)
        self._leave: Any = client.register_script(scripts.LEAVE)

    def create(self) -> None:
        """Have the stream and the group, from its first entry on; whether or not they are there."""
        try:
            self._create(keys=[self.keys.stream], args=[GROUP])
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def read(self, count: int, wait: float) -> list[Given]:
        """At most `count` entries that nobody had before; waits for one, at most so many seconds."""
        milliseconds = max(1, round(wait * 1000))
        found = self._redis.xreadgroup(GROUP, self.name, {self.keys.stream: ">"}, count=count, block=milliseconds)
        streams = cast("Sequence[tuple[bytes, list[Given]]]", found or [])
        return [entry for _, entries in streams for entry in entries]

    def claim(self, idle: float, count: int, start: str) -> tuple[list[Given], str]:
        """Entries of anyone who gave no sign of life for `idle` seconds; and where to go on, `"0-0"` when through."""
        reply = cast(
            "Sequence[Any]",
            self._redis.xautoclaim(
                self.keys.stream, GROUP, self.name, min_idle_time=round(idle * 1000), start_id=start, count=count
            ),
        )
        following = reply[0].decode() if isinstance(reply[0], bytes) else str(reply[0])
        return [(entry_id, fields) for entry_id, fields in reply[1] if entry_id is not None and fields], following

    def deliveries(self, first: bytes, last: bytes) -> dict[bytes, int]:
        """How often each of this relay's entries in that range was handed out."""
        return {each["message_id"]: int(each["times_delivered"]) for each in self._all_pending(first, last)}

    def keep(self, held: Iterable[Received]) -> list[Received]:
        """Say that this relay lives and has these entries; those that another relay has by now."""
        wanted = {each.id: each for each in held}
        if not wanted:
            return []
        mine = {each["message_id"] for each in self._all_pending()}
        self._claim_own([entry_id for entry_id in wanted if entry_id in mine])
        # One that nobody has was trimmed, or Redis forgot who has it: sending it does no harm.
        return [each for entry_id, each in wanted.items() if entry_id not in mine and self._is_anyones(entry_id)]

    def park(self, entries: Sequence[Received]) -> None:
        """Put entries aside: nobody's for now, and claimed by any relay later. That is not counted as a delivery."""
        for start in range(0, len(entries), PAGE):
            ids = [each.id for each in entries[start : start + PAGE]]
            self._redis.xclaim(self.keys.stream, GROUP, PARKED, 0, ids, idle=0, retrycount=0, justid=True)  # type: ignore[arg-type]

    def hand_over(self) -> None:
        """Others may claim all that is this relay's now. It stays this relay's until one does."""
        self._claim_own([each["message_id"] for each in self._all_pending()], idle=LONG_IDLE)

    def finish(self, entries: Sequence[Received], delivered: int) -> None:
        """Take entries off the stream and write their dead letters, in one step; `delivered` messages are counted."""
        letters = [letter for each in entries for letter in each.letters]
        counted = {
            "delivered": delivered,
            "dead": sum(letter.messages for letter in letters),
            "entries": len(entries),
        }
        parts = [
            [each.id for each in entries],
            _flat({name: count for name, count in counted.items() if count}),
            *(_flat(letter.fields) for letter in letters),
        ]
        arguments = [argument for part in parts for argument in (len(part), *part)]
        self._finish(keys=[self.keys.stream, self.keys.dead, self.keys.counts], args=[GROUP, *arguments])

    def trim(self, max_entries: int, *, dead: bool = False) -> int:
        """Let the oldest entries go, past so many; how many messages that cost."""
        stream, name, group = (self.keys.dead, "dead_trimmed", "") if dead else (self.keys.stream, "trimmed", GROUP)
        lost = 0
        while True:
            entries, messages = self._trim(
                keys=[stream, self.keys.counts], args=[max_entries, name, group, BATCH_MESSAGES]
            )
            lost += int(messages)
            if not entries:
                return lost

    def leave(self) -> bool:
        """Be no consumer any more, unless entries are still this one's; whether it is none."""
        return bool(self._leave(keys=[self.keys.stream], args=[GROUP, self.name]))

    def sweep(self, idle: float) -> None:
        """Remove consumers without entries that gave no sign of life for `idle` seconds."""
        for each in cast("Sequence[Any]", self._redis.xinfo_consumers(self.keys.stream, GROUP)):
            if each["pending"] == 0 and each["idle"] > idle * 1000 and each["name"].decode() != self.name:
                self._leave(keys=[self.keys.stream], args=[GROUP, each["name"]])

    def _all_pending(self, first: bytes | str = "-", last: bytes | str = "+") -> list[Any]:
        """What this relay has, of that range."""
        found: list[Any] = []
        at = first
        while page := self._pending(at, last):
            found += page
            at = b"(" + page[-1]["message_id"]
        return found

    def _is_anyones(self, entry_id: bytes) -> bool:
        return bool(self._redis.xpending_range(self.keys.stream, GROUP, entry_id, entry_id, 1))

    def _pending(self, first: bytes | str, last: bytes | str) -> Sequence[Any]:
        found = self._redis.xpending_range(self.keys.stream, GROUP, first, last, PAGE, consumername=self.name)
        return cast("Sequence[Any]", found)

    def _claim_own(self, ids: Sequence[bytes], idle: int = 0) -> None:
        for start in range(0, len(ids), PAGE):
            page = list(ids[start : start + PAGE])
            self._redis.xclaim(self.keys.stream, GROUP, self.name, 0, page, idle=idle, justid=True)  # type: ignore[arg-type]


def _flat(fields: Mapping[str, Any]) -> list[Any]:
    return [part for pair in fields.items() for part in pair]


def consumer_name() -> str:
    """One that no other relay has, and that says where it runs."""
    return f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"


def letter(reason: str, fields: Mapping[str, str | bytes], messages: int) -> Letter:
    """A dead letter: the fields of an entry, and why it is none any more."""
    return Letter(reason, {**fields, "reason": reason}, messages)
