"""Values as JSON: the table of docs/values.md, both paths through it, and that nothing a caller passes can raise."""

import copy
import json
import math
import types
from collections import ChainMap, OrderedDict, UserDict, UserString, defaultdict, deque, namedtuple
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import PurePosixPath
from uuid import UUID

import attrs
import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_gevent.events.encoding import LEVELS, encode


def strict(data):
    """Parse JSON as a reader does that knows no NaN."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(data, parse_constant=refuse)


def nested(levels, wrap=lambda inner: [inner]):
    value = "bottom"
    for _ in range(levels):
        value = wrap(value)
    return value


def depth(value):
    levels = 0
    while isinstance(value, list | dict):
        levels += 1
        value = (list(value.values()) if isinstance(value, dict) else value)[0]
    return levels, value


class Colour(Enum):
    RED = "red"
    PRICE = Decimal("1.5")


class Plan(str, Enum):
    FREE = "free"


class Level(IntEnum):
    HIGH = 3


@dataclass
class Line:
    sku: str
    price: Decimal
    _note: str = "kept"
    later: str = field(init=False)


@attrs.define
class Address:
    city: str
    _code: int


class User(pydantic.BaseModel):
    name: str
    tags: set[str]


class Moment(datetime):
    """A subclass, as pandas and pendulum have them."""


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


class NoOffset(tzinfo):
    """A zone that makes a datetime naive."""

    def utcoffset(self, when):
        return None

    dst = tzname = utcoffset


class Lazy:
    """A translation that is looked up when it is needed."""

    def __str__(self):
        return "translated"


class Row:
    """A database's row: no Mapping, but with what `dict()` asks for."""

    def keys(self):
        return ["id"]

    def __getitem__(self, key):
        return 7


Point = namedtuple("Point", "x keys")

TABLE = [
    ("text", "text"),
    (Text("text"), "text"),
    (Lazy(), "translated"),
    (True, True),
    (None, None),
    (2**64 - 1, 2**64 - 1),
    (2**64, str(2**64)),
    (-(2**63), -(2**63)),
    (-(2**63) - 1, str(-(2**63) - 1)),
    (Whole(7), 7),
    (Whole(2**70), str(2**70)),
    (math.nan, None),
    (math.inf, None),
    (-math.inf, None),
    (Decimal("17.90"), 17.9),
    (Decimal("12345678901234567"), 12345678901234567),
    (Decimal("NaN"), None),
    (Decimal("sNaN"), None),
    (Decimal("-Infinity"), None),
    (Decimal("1e400"), None),
    (Fraction(1, 4), 0.25),
    (Fraction(10**400), None),
    (1 + 2j, "(1+2j)"),
    (datetime(2026, 11, 23, 15, 19, 40, 388000, timezone.utc), "2026-11-23T15:19:40.388000+00:00"),
    (datetime(2026, 11, 23, 15, 19), "2026-11-23T15:19:00"),
    (datetime(2026, 11, 23, tzinfo=NoOffset()), "2026-11-23T00:00:00"),
    (Moment(2026, 11, 23, tzinfo=timezone(timedelta(hours=-5))), "2026-11-23T00:00:00-05:00"),
    (date(2026, 11, 23), "2026-11-23"),
    (time(15, 19), "15:19:00"),
    (time(15, 19, tzinfo=timezone.utc), "15:19:00+00:00"),
    (timedelta(minutes=1, milliseconds=500), 60.5),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (PurePosixPath("/srv/app"), "/srv/app"),
    (Colour.RED, "red"),
    (Colour.PRICE, 1.5),
    (Plan.FREE, "free"),
    (Level.HIGH, 3),
    (b"caf\xc3\xa9", "café"),
    (b"\xff\xfe", "//4="),
    (bytearray(b"ab"), "ab"),
    (memoryview(b"abcd")[::2], "ac"),
    ((1, (2,)), [1, [2]]),
    (Point(1, 2), [1, 2]),
    (deque([1, 2]), [1, 2]),
    ({1}, [1]),
    (frozenset({1}), [1]),
    (range(3), [0, 1, 2]),
    (range(10**12), "range(0, 1000000000000)"),
    (range(10**30), f"range(0, {10**30})"),
    ({"a": 1}.keys(), ["a"]),
    ({"a": 1}.values(), [1]),
    ({"a": 1}.items(), [["a", 1]]),
    ({}, {}),
    (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    (defaultdict(list, {"a": [1]}), {"a": [1]}),
    (types.MappingProxyType({"a": {1}}), {"a": [1]}),
    (ChainMap({"a": 1}, {"a": 2, "b": 3}), {"a": 1, "b": 3}),
    (UserDict(a=1), {"a": 1}),
    (UserString("a"), "a"),
    (Row(), {"id": 7}),
    (Line("a", Decimal("1.5")), {"sku": "a", "price": 1.5, "_note": "kept"}),
    (Address("Oslo", 150), {"city": "Oslo", "_code": 150}),
    (User(name="Ada", tags={"new"}), {"name": "Ada", "tags": ["new"]}),
    (Line, str(Line)),
    (User, str(User)),
    (Address, str(Address)),
    (ValueError("too late"), "too late"),
    (np.float64(1.5), 1.5),
    (np.float64("nan"), None),
    (np.float32(0.5), 0.5),
    (np.int64(3), 3),
    (np.bool_(True), True),
    (np.str_("text"), "text"),
    (np.array([[1.5, math.nan], [math.inf, 2]]), [[1.5, None], [None, 2]]),
    (np.array([1, 2])[::-1], [2, 1]),
    (np.array({"a": 1}), {"a": 1}),
    (np.datetime64("2026-11-23T15:19:40.388123456"), "2026-11-23T15:19:40.388123"),
    (np.datetime64("NaT"), None),
    (np.array(["2026-11-23", "NaT"], "datetime64[ns]"), ["2026-11-23T00:00:00", None]),
    (np.timedelta64(1500, "ms"), 1.5),
    (np.timedelta64(1500, "ns"), 1e-06),
    ("\ud800", "\ufffd"),
    ("a\udc00b", "a\ufffdb"),
    ("\ud83d\ude00", "\U0001f600"),
]
named = pytest.mark.parametrize(
    ("value", "expected"), TABLE, ids=[f"{type(row[0]).__name__}-{n}" for n, row in enumerate(TABLE)]
)


@named
def test_each_value_becomes_what_the_table_says(value, expected):
    """The rule holds for the value alone, in a list and in a dict."""
    assert strict(encode(value)) == expected
    assert strict(encode([{"value": value}])) == [{"value": expected}]


@named
def test_the_slow_path_has_the_same_rules(value, expected):
    """Whatever else in a message made orjson refuse it changes nothing about a value."""
    assert strict(encode({"value": value, 1: {"inner": [value]}})) == {"value": expected, "1": {"inner": [expected]}}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (1, "1"),
        (True, "True"),
        (None, "None"),
        (1.5, "1.5"),
        ((1, 2), "(1, 2)"),
        (date(2026, 11, 23), "2026-11-23"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Text("key"), "key"),
        (Plan.FREE, "free"),
        (Colour.RED, "Colour.RED"),
        ("\ud800", "\ufffd"),
    ],
)
def test_a_key_that_is_no_string_becomes_its_str(key, expected):
    """A member of a str enum is a string already, and stays its characters."""
    assert strict(encode({key: {key: 1}})) == {expected: {expected: 1}}


def test_not_a_time_is_null():
    """pandas' NaT is a datetime that is not equal to itself."""

    class NaT(datetime):
        __hash__ = datetime.__hash__

        def __eq__(self, other):
            return False

        def __ne__(self, other):
            return True

    assert encode(NaT(2026, 1, 1)) == b"null"


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: (inner,), lambda inner: {"a": inner}])
@pytest.mark.parametrize("levels", [LEVELS - 1, LEVELS, LEVELS + 1, 253, 254, 255, 10_000])
def test_a_hundred_levels_survive_and_the_next_is_null(levels, wrap):
    """On both sides of our limit and of orjson's own."""
    expected = (levels, "bottom") if levels <= LEVELS else (LEVELS, None)
    assert depth(strict(encode(nested(levels, wrap)))) == expected


def test_levels_within_converted_values_count_too():
    """A dataclass, a set and a mapping each hold their values one level deeper."""
    value = nested(LEVELS + 1, lambda inner: types.MappingProxyType({"a": inner}))
    assert depth(strict(encode(value))) == (LEVELS, None)


def test_many_brackets_are_not_many_levels():
    """A list of many products is returned as it is, and so are brackets in text."""
    value = {"products": [{"sku": str(n)} for n in range(500)], "text": "[{" * 500}
    assert strict(encode(value)) == value


@dataclass
class Node:
    links: list


def test_a_cycle_is_null_where_it_repeats():
    """What stands twice without being its own ancestor stays."""
    shared = {"b": 1}
    cyclic = {"a": shared, "c": [shared]}
    cyclic["self"] = cyclic
    cyclic["c"].append(cyclic)
    assert strict(encode(cyclic)) == {"a": shared, "c": [shared, None], "self": None}
    node = Node([])
    node.links += [node, Node([node])]
    assert strict(encode(node)) == {"links": [None, {"links": [None]}]}


@pytest.mark.parametrize("wrap", [lambda inner: (inner,), lambda inner: ([inner],), lambda inner: ({"a": (inner,)},)])
def test_a_cycle_through_tuples_is_null_too(wrap):
    """orjson, which does not count tuples, would follow it until the stack of the process is used up."""
    cyclic = {}
    cyclic["self"] = wrap(cyclic)
    node = Node([])
    node.links.append(wrap(node))
    assert strict(encode(cyclic)) == {"self": strict(encode(wrap(None)))}
    assert strict(encode(node)) == {"links": [strict(encode(wrap(None)))]}


def test_objects_that_all_refer_to_each_other_are_walked_within_bounds():
    """Thirty objects have more paths through them than could be followed; the result is larger than any message."""
    nodes = [Node([]) for _ in range(30)]
    for node in nodes:
        node.links += nodes
    data = encode(nodes[0])
    strict(data)
    assert 32_768 < len(data) < 10_000_000


def test_a_generator_is_not_consumed():
    """It becomes its str; the application still has all of its items."""
    items = iter(range(3))
    produced = (n for n in range(3))
    assert strict(encode([items, produced])) == [str(items), str(produced)]
    assert list(items) == list(produced) == [0, 1, 2]


class NoStr:
    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


class NoZone(tzinfo):
    def utcoffset(self, when):
        raise RuntimeError

    dst = tzname = utcoffset


class NoItems(Mapping):
    def __getitem__(self, key):
        raise RuntimeError

    def __iter__(self):
        raise RuntimeError

    def __len__(self):
        raise RuntimeError

    def __str__(self):
        return "no items"


class NoDump(pydantic.BaseModel):
    def model_dump(self, **options):
        raise RuntimeError

    def __str__(self):
        return "no dump"


@dataclass
class NoField:
    value: int

    def __getattribute__(self, name):
        if name == "value":
            raise RuntimeError
        return super().__getattribute__(name)

    def __repr__(self):
        return "no field"


class NoClass:
    @property
    def __class__(self):
        raise RuntimeError

    def __str__(self):
        return "no class"


class NeverPlain:
    def tolist(self):
        return NeverPlain()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (NoStr, "NoStr"),
        (NoItems, "no items"),
        (NoDump, "no dump"),
        (lambda: NoField(1), "no field"),
        (NoClass, "no class"),
        (NeverPlain, "NeverPlain"),
        (lambda: datetime(2026, 1, 1, tzinfo=NoZone()), "datetime"),
        (lambda: time(1, tzinfo=NoZone()), "time"),
        (lambda: {NoStr(): 1}, {"NoStr": 1}),
        (lambda: [NoStr(), {1}], ["NoStr", [1]]),
    ],
)
def test_a_value_that_fails_never_raises_into_the_request(make, expected):
    """It becomes its str, or its type's name where that fails too; its neighbours are not touched."""
    assert strict(encode({"bad": make(), "good": Decimal("1.5")})) == {"bad": expected, "good": 1.5}


def test_an_integer_too_long_for_its_own_str_is_its_type():
    """Python refuses to write out integers of more than some thousand digits, since 3.11 and late 3.10s."""
    text = strict(encode(10**5000))
    assert text in ("int", "1" + "0" * 5000)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, GeneratorExit, MemoryError])
@pytest.mark.parametrize("key", ["text", 1])
def test_what_interrupts_a_greenlet_passes_through(interrupt, key):
    """A caller's time-out, a kill or a signal is no mistake of the value that was being read, on any path."""

    class Interrupted(tzinfo):
        def utcoffset(self, when):
            raise interrupt

        dst = tzname = utcoffset

        def __str__(self):
            raise interrupt

    with pytest.raises(interrupt):
        encode({key: Interrupted()})
    with pytest.raises(interrupt):
        encode({key: datetime(2026, 1, 1, tzinfo=Interrupted())})


def test_a_caller_deep_in_its_own_stack_gets_json():
    """However little stack is left, what comes back parses; values that no longer fit in it are null, and never all."""
    value = nested(50, lambda inner: {1: inner})

    def dive():
        try:
            return dive()
        except RecursionError:
            return encode(value)

    assert isinstance(strict(dive()), dict)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.text(st.characters(categories=["Cs", "L"])),
    st.binary(),
    st.decimals(),
    st.fractions(),
    st.complex_numbers(),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.uuids(),
)
keys = st.one_of(st.text(st.characters(categories=["Cs", "L"])), st.integers(), st.none(), st.dates(), st.binary())
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.lists(inner).map(deque),
        st.dictionaries(keys, inner),
        st.dictionaries(keys, inner).map(types.MappingProxyType),
        st.frozensets(keys),
        st.builds(Node, st.lists(inner)),
    ),
    max_leaves=20,
)


@given(values)
def test_anything_becomes_json_and_stays_as_it_was(value):
    """The result parses strictly, and the caller's objects read the same afterwards."""
    before = repr(value)
    strict(encode(value))
    assert repr(value) == before


natural = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(natural)
def test_what_json_knows_comes_back_unchanged(value):
    """By the native path and by the rewriting one, which a key that is no string takes."""
    assert strict(encode(value)) == value
    assert strict(encode({0: value})) == {"0": value}


def test_a_later_change_changes_nothing_that_is_sent():
    """The bytes are the value as it was at the call."""
    value = {"cart": ["a"], 1: {"x"}}
    data = encode(value)
    before = copy.copy(data)
    value["cart"].append("b")
    value[1].add("y")
    assert data == before == encode({"cart": ["a"], 1: {"x"}})
