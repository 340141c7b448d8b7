"""Answers that go wrong on demand: a list of faults, of which requests use up the first."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import random

MAX_DELAY = 600.0
MAX_FAULTS = 10_000
MAX_TIMES = 1_000_000

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # a token of RFC 9110
_OF_THE_SERVER = ("connection", "content-length", "date", "transfer-encoding")
"""Headers that say where the answer ends, or that the server writes itself: a second would contradict it."""


class FaultError(ValueError):
    """A fault that is not understood; the text names the part and the value."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with a request, and with how many.

    `status` answers it with that status, and below 200 or from 300 on its messages are not taken; `headers` are added
    to the answer. `delay` (seconds) and `hold` (until a release) keep back an answer to messages that are already
    taken. `drop` ends the connection without an answer: "before" anything is read or taken, or "after" it was.

    `times` requests are hit, None for as many as come until it is removed; each request with the chance `share`, while
    the fault is the first in line.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hold: bool = False
    drop: str | None = None
    times: int | None = 1
    share: float = 1.0

    @property
    def takes(self) -> bool:
        """True when the request's messages are taken all the same."""
        return self.drop != "before" and (self.status is None or 200 <= self.status < 300)

    @classmethod
    def parse(cls, value: object) -> Fault:
        """Read a fault from its JSON object.

        Raises:
            FaultError: for an unknown key or a value that does not fit.
        """
        if not isinstance(value, dict):
            raise FaultError(f"a fault is an object, not {value!r}")
        for key, given in value.items():
            if key not in _RULES:
                raise FaultError(f"unknown key {key!r} in a fault; known are {', '.join(_RULES)}")
            rule, fits = _RULES[key]
            if not fits(given):
                raise FaultError(f"{key} is {rule}, not {given!r}")
        return cls(**value)

    def as_dict(self) -> dict[str, object]:
        """The fault as JSON wrote it: only what differs from a plain answer to one request."""
        parts = {"status": self.status, "headers": dict(self.headers), "delay": self.delay, "hold": self.hold}
        shown: dict[str, object] = {key: part for key, part in {**parts, "drop": self.drop}.items() if part}
        if self.times != 1:
            shown["times"] = self.times
        if self.share != 1:
            shown["share"] = self.share
        return shown


class Faults:
    """The faults still to come, first in, first used. `chance` draws a number from 0 to below 1."""

    def __init__(self, chance: Callable[[], float] = random) -> None:
        self._waiting: deque[Fault] = deque()
        self._chance = chance

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._waiting)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Forget what was to come; these come now."""
        self._waiting = deque(faults)

    def add(self, faults: Iterable[Fault]) -> None:
        """These come after those that wait.

        Raises:
            FaultError: they would be too many.
        """
        more = list(faults)
        _check_number(len(self) + len(more))
        self._waiting.extend(more)

    def take(self) -> Fault | None:
        """The fault that hits the request at hand; None when it goes well."""
        if not self._waiting or (self._waiting[0].share < 1 and self._chance() >= self._waiting[0].share):
            return None
        fault = self._waiting.popleft()
        if fault.times is None or fault.times > 1:
            left = None if fault.times is None else fault.times - 1
            self._waiting.appendleft(replace(fault, times=left))
        return fault


def parse_faults(value: object) -> list[Fault]:
    """Read a list of faults.

    Raises:
        FaultError: for anything that is not understood.
    """
    if not isinstance(value, list):
        raise FaultError(f"faults are a list, not {type(value).__name__}")
    _check_number(len(value))
    return [Fault.parse(fault) for fault in value]


def _check_number(faults: int) -> None:
    if faults > MAX_FAULTS:
        raise FaultError(f"at most {MAX_FAULTS:,} faults, not {faults:,}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_status(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599


def _is_delay(value: object) -> bool:
    return _is_number(value) and 0 <= value <= MAX_DELAY  # type: ignore[operator]  # a number


def _is_times(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_TIMES)


def _is_share(value: object) -> bool:
    return _is_number(value) and 0 < value <= 1  # type: ignore[operator]  # a number


def _are_headers(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str)
        and isinstance(text, str)
        and _HEADER_NAME.fullmatch(name) is not None
        and name.lower() not in _OF_THE_SERVER
        and text.isascii()
        and (text.isprintable() or not text)
        for name, text in value.items()
    )


_RULES: dict[str, tuple[str, Callable[[object], bool]]] = {
    "status": ("a status from 200 to 599", _is_status),
    "headers": (f"an object of names and texts for the answer, but {', '.join(_OF_THE_SERVER)}", _are_headers),
    "delay": (f"seconds from 0 to {MAX_DELAY:g}", _is_delay),
    "hold": ("true or false", lambda value: isinstance(value, bool)),
    "drop": ('"before" or "after"', lambda value: value in ("before", "after")),
    "times": (f"a whole number from 1 to {MAX_TIMES:,}, or null for as many as come", _is_times),
    "share": ("a share of the requests, over 0 and up to 1", _is_share),
}
