"""The tracking plan judges messages, in words that say where they break it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from servers.local_segment import LocalSegment
from servers.segment_calls import batch, headers, message

import segment_gevent
from segment_gevent.debugger.connection import Connection
from segment_gevent.debugger.plan import Plan
from segment_gevent.debugger.plan_file import PlanError, PlanFile

ORDER = {
    "type": "object",
    "properties": {
        "total": {"type": "number", "minimum": 0},
        "email": {"format": "email"},
        "products": {"type": "array", "items": {"type": "object", "required": ["sku"]}},
    },
    "required": ["total"],
}


def plan(**written: Any) -> Plan:
    return Plan(PlanFile.parse(written or {"Order Completed": ORDER}))


def order(**properties: Any) -> dict[str, Any]:
    return message(event="Order Completed", properties=properties)


def test_what_keeps_to_the_plan_has_no_problems() -> None:
    """Whatever else the message holds."""
    assert plan().problems(order(total=1, email="ada@example.org", products=[{"sku": "1"}], more=True)) == []


def test_everything_that_breaks_the_plan_is_told_with_its_place() -> None:
    """As one would write it in JavaScript."""
    broken = order(total=-1, email="ada", products=[{"sku": 1}, {}])
    assert sorted(plan().problems(broken)) == [
        'plan: properties.email: "ada" is not a "email"',
        'plan: properties.products[1]: "sku" is a required property',
        "plan: properties.total: -1 is less than the minimum of 0",
    ]


@pytest.mark.parametrize("properties", [None, {}])
def test_left_out_properties_are_none(properties: object) -> None:
    """An event without properties lacks those that its schema requires."""
    sent = {**message(event="Order Completed"), "properties": properties}
    assert plan().problems(sent) == ['plan: properties: "total" is a required property']


def test_properties_of_another_type_are_not_the_plans_affair() -> None:
    """The API's own rules say it, once."""
    assert plan().problems(message(event="Order Completed", properties=[])) == []


def test_an_event_that_is_not_in_the_plan_is_told_with_the_one_it_may_be() -> None:
    """A slip of the pen is what a plan finds first."""
    assert plan().problems(message(event="Order Complete")) == [
        "plan: it has no event 'Order Complete', but 'Order Completed'"
    ]
    assert plan().problems(message(event="Item Bought")) == ["plan: it has no event 'Item Bought'"]


def test_a_plan_may_allow_other_events() -> None:
    """One that is only begun."""
    assert plan(events={"Order Completed": ORDER}, unknown="allow").problems(message(event="Item Bought")) == []


def test_traits_and_pages_have_their_schemas() -> None:
    """For their part of the message, and for no other type."""
    judged = plan(events={"A": True}, identify={"required": ["email"]}, page={"required": ["url"]})
    assert judged.problems(message(type="identify", event=None, traits={})) == [
        'plan: traits: "email" is a required property'
    ]
    assert judged.problems(message(type="page", event=None, name="Home")) == [
        'plan: properties: "url" is a required property'
    ]
    assert judged.problems(message(type="screen", event=None, name="Home")) == []


def test_a_schema_of_segments_is_for_the_whole_message() -> None:
    """Common ones are for each; a page's for those of its name."""
    whole = {"properties": {"properties": ORDER}}
    judged = plan(
        rules=[
            {"type": "TRACK", "key": "Order Completed", "jsonSchema": whole},
            {"type": "PAGE", "key": "Home", "jsonSchema": {"required": ["category"]}},
            {"type": "COMMON", "jsonSchema": {"required": ["context"]}},
        ]
    )
    assert judged.problems(order(total="1")) == ['plan: properties.total: "1" is not of type "number"']
    assert judged.problems(order(total=1) | {"context": 7}) == []
    assert judged.problems(message(type="page", event=None, name="Home", context=None)) == [
        'plan: "context" is a required property',
        'plan: "category" is a required property',
    ]
    assert judged.problems(message(type="page", event=None, name="About")) == []


@pytest.mark.parametrize("fields", [{"type": 7}, {"type": None}, {"type": []}, {"event": 7}, {"event": ""}])
def test_what_breaks_the_apis_rules_is_left_to_them(fields: dict[str, Any]) -> None:
    """A message without a type or a name that one could look up."""
    assert plan().problems({**message(), **fields}) == []


def test_problems_are_bounded_in_number_and_length() -> None:
    """Long values are cut within, so that the words about them can be read."""
    assert len(plan().problems(order(total=1, products=[7] * 1000))) == 10
    (found,) = plan().problems(order(total=["z" * 10_000]))
    assert found.endswith('z"] is not of type "number"')
    assert len(found) < 250


def test_names_made_up_without_end_are_told_and_not_remembered() -> None:
    """The search for one that is close stops, and so does its memory."""
    judged = plan()
    for number in range(1200):
        assert judged.problems(message(event=f"Made Up {number}"))
    assert judged.problems(message(event="Order Complete")) == ["plan: it has no event 'Order Complete'"]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "strin"}, "the schema of the event 'A' is not valid at type: "),
        ({"properties": {"x": {"pattern": "("}}}, "not valid at properties.x"),
        ({"$schema": "http://example.org/mine"}, "http://example.org/mine"),
        ({"$ref": "#/$defs/none"}, "/defs/none|defs/none"),
        ({"$ref": "http://127.0.0.1:9/x.json"}, "may only point into its own schema"),
        ({"$ref": "file:///etc/hostname"}, "may only point into its own schema"),
        (7, "the schema of the event 'A' is an object, not int"),
    ],
)
def test_a_schema_that_is_none_is_said_with_its_event(schema: object, words: str) -> None:
    """Nothing is fetched for it, from the network or the disk."""
    with pytest.raises(PlanError, match=words) as raised:
        plan(A=schema)
    assert "'A'" in str(raised.value)


@pytest.mark.parametrize(
    "draft", ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"]
)
def test_a_schema_may_name_its_draft(draft: str) -> None:
    """Segment's are of draft 7."""
    assert plan(A={"$schema": draft, "required": ["x"]}).problems(message(event="A", properties={}))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Missing, not JSON, no plan."""
    path = tmp_path / "plan.json"
    for content, words in [(None, "No such file"), ("{", "unexpected end"), ("7", "a JSON object, not int")]:
        if content is not None:
            path.write_text(content)
        with pytest.raises(PlanError, match=words) as raised:
            Plan.read(str(path))
        assert str(path) in str(raised.value)


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_bytes(orjson.dumps({"Order Completed": ORDER}))
    return path


@pytest.mark.parametrize(("strict", "status"), [(False, 200), (True, 400)])
def test_a_server_with_a_plan_tells_what_breaks_it(plan_file: Path, strict: bool, status: int) -> None:
    """Beside what the API's own rules say; strict, it refuses it like all that is wrong."""
    with LocalSegment(strict=strict, plan=plan_file) as server, Connection(server.url) as connection:
        body = batch(message(1, event="Order Completed"), {**order(total=1), "userId": 7})
        assert connection.request("POST", "/v1/batch", body, headers())[0] == status
        assert {event["problems"][0] for event in server.events(valid=False)} == {
            'plan: properties: "total" is a required property',
            "userId must be a string, not a number",
        }
        assert server.ask("GET", "/_/about")["plan"] is True


def test_a_bad_plan_ends_the_server_with_words(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """That name the file and the event, without a traceback."""
    path = tmp_path / "plan.json"
    path.write_text('{"Order Completed": {"type": "strin"}}')
    with pytest.raises(RuntimeError, match="ended with 1"):
        LocalSegment(plan=path).start()
    error = capfd.readouterr().err
    assert str(path) in error
    assert "the event 'Order Completed'" in error
    assert "Traceback" not in error


def test_without_its_library_a_plan_names_the_extra(plan_file: Path) -> None:
    """The server itself needs nothing of it."""
    program = f"""
import sys
sys.modules.update(jsonschema_rs=None)
from segment_gevent.debugger.__main__ import main
sys.exit(main(["--port", "0", "--plan", {str(plan_file)!r}]))
"""
    root = str(Path(segment_gevent.__path__[0]).parent)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=root, timeout=60, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "segment-gevent[cli]" in ended.stderr
    assert "Traceback" not in ended.stderr
