"""Every public argument of every call and option, given anything: only the promised errors come out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_gevent import Client, ConfigError, Options, ValidationError
from segment_gevent.events.problems import problems
from segment_gevent.testing import RecordingTransport


class Hostile:
    """Whatever is asked of it, it raises."""

    def _raise(self, *_: object) -> Any:
        raise RuntimeError("hostile")

    __str__ = __repr__ = __bool__ = __len__ = __iter__ = __int__ = __float__ = __index__ = __hash__ = __eq__ = _raise
    __getitem__ = __lt__ = __gt__ = __call__ = _raise


class HostileMapping(Mapping[str, Any]):
    """A mapping whose keys can't be had."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("hostile")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("hostile")

    def __len__(self) -> int:
        return 1


class HostileNumber(int):
    def __str__(self) -> str:
        raise RuntimeError("hostile")

    __repr__ = __float__ = __str__  # type: ignore[assignment]


class Text(str):
    """Text with a mind of its own."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("hostile")


class HostilePath(Path().__class__):  # type: ignore[misc]
    def __fspath__(self) -> str:
        raise RuntimeError("hostile")


SELF_CONTAINING: dict[str, Any] = {}
SELF_CONTAINING["self"] = SELF_CONTAINING

ODD_VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**64, -(2**200), 10**400, 0.0, -0.0, math.nan, math.inf, 1e308, 5e-324),
    *("", " ", "\0", "\ud800", "٣", "x" * 200, "x" * 40_000, "us", "eu", "sync", "block", "spool", "http://h:1"),
    *(b"", b"bytes", bytearray(b"x"), memoryview(b"x"), Decimal("NaN"), Decimal("1e999999"), Fraction(1, 3), 1j),
    *((), [], {}, set(), frozenset({1}), range(3), (1, 2), [1, 2], {1: 2}, {None: None}, {"a": {"b": [1]}}),
    *(date.min, date.max, datetime.min, datetime.max, datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=23)))),
    *(datetime.max.replace(tzinfo=timezone(timedelta(hours=-23))), timedelta.max, timedelta.min, timedelta(0)),
    *(UUID(int=0), Path("x"), object(), object, len, lambda message: message, (value for value in "ab"), Ellipsis),
    *(Hostile(), Hostile, HostileMapping(), HostileNumber(7), Text("text"), SELF_CONTAINING, RecordingTransport()),
    *(HostilePath("x"), NotImplemented, ValueError("x"), type("Dynamic", (), {})()),
]
ODD = st.integers(0, len(ODD_VALUES) - 1).map(
    lambda number: ODD_VALUES[number]
)  # hypothesis would show what it samples from
PLAIN = st.one_of(st.text(), st.integers(), st.floats(), st.binary(max_size=50), st.datetimes(), st.timedeltas())
ANYTHING = st.one_of(
    ODD,
    PLAIN,
    st.recursive(st.one_of(ODD, PLAIN), lambda part: st.one_of(st.lists(part), st.dictionaries(st.text(), part))),
)

SHARED = ("context", "timestamp", "integrations", "message_id")
ARGUMENTS = {
    "identify": ("session_id", "user_id", "traits"),
    "track": ("session_id", "user_id", "event", "properties"),
    "page": ("session_id", "user_id", "name", "properties", "category"),
    "screen": ("session_id", "user_id", "name", "properties", "category"),
    "group": ("session_id", "user_id", "group_id", "traits"),
    "alias": ("previous_id", "user_id"),
}
GOOD: dict[str, Any] = {"session_id": "s", "user_id": "u", "event": "E", "group_id": "g", "previous_id": "p"}


def client_of(**options: Any) -> tuple[Client, RecordingTransport]:
    transport = RecordingTransport()
    return Client("write-key", transport=transport, flush_at=100, **options), transport


@pytest.mark.parametrize(
    "options",
    [
        {},
        {
            "default_context": {"app": 1},
            "default_integrations": {"All": True},
            "before_send": lambda message: message,
            "sample_rate": 0.5,
        },
    ],
    ids=["plain", "with every hook"],
)
@pytest.mark.parametrize("call", ARGUMENTS)
def test_a_call_takes_an_argument_or_refuses_it(call: str, options: Mapping[str, Any]) -> None:
    """A bool, or a ValidationError that counts nothing; what is sent is a message that Segment takes."""
    client, transport = client_of(**options)
    names = (*ARGUMENTS[call], *SHARED)

    @given(st.dictionaries(st.sampled_from(names), ANYTHING))
    def check(arguments: dict[str, Any]) -> None:
        good = {name: value for name, value in GOOD.items() if name in names}
        before = client.stats.submitted
        try:
            answer = getattr(client, call)(**{**good, **arguments})
        except ValidationError:
            assert client.stats.submitted == before
        else:
            assert type(answer) is bool
            assert client.stats.submitted == before + 1

    check()
    assert client.shutdown(60) is True
    assert [wrong for message in transport.messages for wrong in problems(message, strict=True)] == []


@given(ANYTHING)
def test_a_wait_takes_a_duration_or_refuses_the_time_out(timeout: Any) -> None:
    """`flush` and `shutdown` alike."""
    client, _ = client_of()
    for wait in (client.flush, client.shutdown):
        with suppress(ValidationError):
            assert wait(timeout) is True


@given(ANYTHING)
def test_only_what_can_be_called_is_a_callback(callback: Any) -> None:
    """Anything else is refused where it is registered."""
    client, _ = client_of()
    for register in (client.on_success, client.on_failure, client.on_drop):
        try:
            assert register(callback) is callback
        except ValidationError:
            assert not callable(callback)


@pytest.mark.parametrize("name", [row.name for row in Options.describe()])
def test_an_option_takes_a_value_or_refuses_it(name: str) -> None:
    """By a ConfigError, and no other error; what was taken has a repr."""

    @given(ANYTHING)
    def check(value: Any) -> None:
        with suppress(ConfigError):
            options = Options(**{"api_key": "key", name: value})
            if not _is_hostile(value):
                assert repr(options)

    check()


@given(st.dictionaries(st.sampled_from([row.name for row in Options.describe()]), ANYTHING))
def test_any_options_make_a_disabled_client_or_none(options: dict[str, Any]) -> None:
    """However they go together."""
    try:
        client = Client(**{"api_key": "key", **options, "enabled": False, "log": False})
    except ConfigError:
        return
    try:
        assert client.track("s", event="E") is False
    except ValidationError:
        assert options.get("default_context") or options.get("default_integrations")


@given(st.text())
def test_an_unknown_option_is_a_type_error(name: str) -> None:
    """Whatever it is called."""
    if name in {row.name for row in Options.describe()} | {"async"}:
        return
    with pytest.raises(TypeError):
        Client("key", **{name: 1})


def _is_hostile(value: object) -> bool:
    """Whether its own repr raises: then so does that of what holds it, and rightly."""
    try:
        repr(value)
    except RuntimeError:
        return True
    return False
