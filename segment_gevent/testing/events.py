"""The events that an application made in a test, and the search for one of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, overload

import orjson

from segment_gevent.events.encoding import encode
from segment_gevent.words import counted

Message = dict[str, Any]
Path = tuple[str, ...]
Expected = dict[Path, Any]

# Arguments of calls by the names of Segment's fields.
_FIELDS = {
    "user_id": "userId",
    "session_id": "anonymousId",
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "previous_id": "previousId",
    "message_id": "messageId",
}
_OF_MESSAGES = {
    *_FIELDS.values(),
    *("type", "event", "name", "category", "properties", "traits", "context", "integrations", "timestamp"),
}
_UNTOLD = ("type", "messageId", "timestamp", "integrations")
_SHOWN = 20
"""Messages that a report shows, at most."""
_LONGEST_LINE = 1_000
"""Characters of each."""
_MISSING = object()


class _Messages(Sequence[Message]):
    """Messages in the order of their calls."""

    def __init__(self, messages: list[Message], difference: str = "") -> None:
        self._messages = messages
        self.difference = difference

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> list[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | list[Message]:
        return self._messages[index]

    def __len__(self) -> int:
        return len(self._messages)


class Match(_Messages):
    """The messages that are as expected, in the order of their calls; false where there are none, and then it says why.

    Attributes:
        difference: what was looked for, and what the message that is nearest to it has instead; "" where one was found.
    """

    def __repr__(self) -> str:
        if self._messages:
            return f"<{len(self)} found: {'; '.join(map(_line, self._messages))}>"
        return f"<none: {' '.join(self.difference.split())}>"


class SegmentEvents(_Messages):
    """The messages of every client, as they would have been sent, in the order of their calls.

    Each search takes what is expected by name: `user_id`, `session_id`, `group_id` and the like as in the calls, other
    fields as Segment names them; `__` goes into a dict, or by a number into a list, as in `properties__total=30`.
    Values are equal to what would be sent of them (7 as an id is "7", a Decimal its text), or are functions of one
    argument that say whether a value is right; None expects that there is none.

    Attributes:
        difference: of the last search that found nothing.

    Raises:
        TypeError: no message has a field of that name, as where `properties__` was left out.
    """

    def __init__(self) -> None:
        super().__init__([])

    def record(self, message: bytes) -> None:
        """Take in what would be sent."""
        self._messages.append(orjson.loads(message))

    def clear(self) -> None:
        """Forget all until now."""
        self._messages.clear()
        self.difference = ""

    def tracked(self, event: str | None = None, **expected: Any) -> Match:
        """The track calls of this event, or of any; else as the class says."""
        return self._find("track", {"event": event} if event is not None else {}, expected)

    def identified(self, user_id: Any = None, **expected: Any) -> Match:
        """The identify calls of this user, or of any."""
        return self._find("identify", {"user_id": user_id} if user_id is not None else {}, expected)

    def paged(self, name: str | None = None, **expected: Any) -> Match:
        """The page calls of this name, or of any."""
        return self._find("page", {"name": name} if name is not None else {}, expected)

    def screened(self, name: str | None = None, **expected: Any) -> Match:
        """The screen calls of this name, or of any."""
        return self._find("screen", {"name": name} if name is not None else {}, expected)

    def grouped(self, group_id: Any = None, **expected: Any) -> Match:
        """The group calls of this group, or of any."""
        return self._find("group", {"group_id": group_id} if group_id is not None else {}, expected)

    def aliased(self, previous_id: Any = None, **expected: Any) -> Match:
        """The alias calls of this former id, or of any."""
        return self._find("alias", {"previous_id": previous_id} if previous_id is not None else {}, expected)

    def __repr__(self) -> str:
        return f"<{counted(len(self), 'event')}: {', '.join(map(_title, self._messages))}>"

    def report(self) -> str:
        """The messages, a line each, and what the last search that found nothing has missed."""
        lines = [_line(message) for message in self._messages[:_SHOWN]]
        more = len(self) - _SHOWN
        return "\n".join(
            [
                f"{counted(len(self), 'event')}:" if lines else "no event",
                *(f"    {line}" for line in lines),
                *([f"    and {more} more"] if more > 0 else []),
                *([self.difference] if self.difference else []),
            ]
        )

    def _find(self, kind: str, first: dict[str, Any], others: dict[str, Any]) -> Match:
        expected = {_path(name): value for name, value in (first | others).items()}
        self._check_names(expected)
        of_kind = [message for message in self._messages if message["type"] == kind]
        found = [message for message in of_kind if not _differing(message, expected)]
        if found:
            return Match(found)
        self.difference = "\n".join(_explained(kind, expected, of_kind))
        return Match([], self.difference)

    def _check_names(self, expected: Expected) -> None:
        """A field that no message can have is a mistake in the test, which `None` would hide."""
        known = _OF_MESSAGES.union(*self._messages)  # with what a before_send adds
        for name in {path[0] for path in expected} - known:
            near = difflib.get_close_matches(name, [*_FIELDS, *known], n=1)
            hint = f"; the nearest is {near[0]!r}" if near else ""
            raise TypeError(f"{name!r} is no field of a message{hint}. One of its properties is properties__{name}=…")


def _path(name: str) -> Path:
    first, *rest = name.split("__")
    return (_FIELDS.get(first, first), *rest)


def _value(message: Message, path: Path) -> Any:
    value: Any = message
    for key in path:
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return _MISSING
    return value


def _differing(message: Message, expected: Expected) -> dict[Path, Any]:
    """By its path, each value that is not as expected."""
    actual = {path: _value(message, path) for path in expected}
    return {path: value for path, value in actual.items() if not _is_right(path, value, expected[path])}


def _is_right(path: Path, value: Any, expected: Any) -> bool:
    if callable(expected):
        return value is not _MISSING and bool(expected(value))
    if expected is None:
        return value is None or value is _MISSING
    if path[0] in _FIELDS.values():
        return bool(value == str(expected))
    return bool(value == expected or value == orjson.loads(encode({"": expected}))[""])


def _explained(kind: str, expected: Expected, of_kind: list[Message]) -> Iterator[str]:
    if not of_kind:
        yield f"no {kind} at all"
        return
    yield f"no {kind} with " + ", ".join(f"{'.'.join(path)}={_text(value)}" for path, value in expected.items())
    nearest = min(of_kind, key=lambda message: len(_differing(message, expected)))
    yield f"the nearest of {len(of_kind)} has"
    for path, value in _differing(nearest, expected).items():
        yield f"    {'.'.join(path)}: {_text(value)}, not {_text(expected[path])}"


def _text(value: Any) -> str:
    if value is _MISSING:
        return "nothing"
    return getattr(value, "__name__", repr(value)) if callable(value) else repr(value)


def _line(message: Message) -> str:
    """What a message says, without what each has of its own or alike."""
    told = {name: value for name, value in message.items() if name not in _UNTOLD and value != {}}
    told["context"] = {name: value for name, value in message.get("context", {}).items() if name != "library"}
    line = " ".join([message["type"], *(f"{name}={value!r}" for name, value in told.items() if value != {})])
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def _title(message: Message) -> str:
    name = message.get("event") or message.get("name") or message.get("groupId") or message.get("userId") or ""
    return f"{message['type']} {name}".strip()
