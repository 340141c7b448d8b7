"""Requests are checked against Segment's API: what is right passes, what is wrong is said in words."""

import base64
from typing import Any

import orjson
import pytest
from servers.segment_calls import TIME, batch, headers, message

from segment_gevent.debugger import intake
from segment_gevent.events.batch import BATCH_BYTES, BATCH_MESSAGES
from segment_gevent.events.message import MESSAGE_LIMIT


def environ(**given: str) -> dict[str, str]:
    """The WSGI environment of the headers that an official library sends, and of others."""
    sent = headers()
    return {"CONTENT_TYPE": sent["Content-Type"], "HTTP_AUTHORIZATION": sent["Authorization"], **given}


def take(call: str, body: bytes, given: dict[str, str] | None = None, *, strict: bool = True) -> intake.Intake:
    return intake.take(call, environ() if given is None else given, body, intake.Rules(strict), now=1.0, number=7)


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def single(**fields: Any) -> bytes:
    return orjson.dumps({**message(), "writeKey": "key", "sentAt": TIME, **fields})


def sized(size: int) -> dict[str, Any]:
    """A message whose JSON has exactly `size` bytes."""
    bare = len(orjson.dumps(message(properties={"a": ""})))
    return message(properties={"a": "x" * (size - bare)})


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/v1/batch", "batch"),
        ("/v1/import", "import"),
        ("/v1/track", "track"),
        ("/v1/alias", "alias"),
        ("/v1/t", "track"),
        ("/v1/b", "batch"),
        ("/some/prefix/v1/batch", "batch"),
        ("/v1/batch/", "batch"),
        ("/v2/import", None),
        ("/v1/", None),
        ("/v1/nothing", None),
        ("/xv1/batch", None),
        ("/", None),
    ],
)
def test_paths(path: str, call: str | None) -> None:
    """Every call of the API is known, behind any prefix, and nothing else."""
    assert intake.endpoint(path) == call


def test_a_good_batch_has_no_problems() -> None:
    """Its messages become events that can be asked for by type, name, users and id."""
    taken = take("batch", batch(message(1), message(2, anonymousId="visitor")))
    assert taken.valid
    assert taken.sent_at == TIME
    event = taken.events[1]
    assert (event.type, event.event, event.user_id, event.anonymous_id) == ("track", "Item Bought", "user-2", "visitor")
    assert (event.message_id, event.received_at, event.batch) == ("id-2", 1.0, 7)
    assert orjson.loads(event.message) == message(2, anonymousId="visitor")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"batch":[NaN]}', b"[]", b"7", b'{"batch":{}}', b"{}"])
def test_a_body_without_messages_is_an_error(body: bytes) -> None:
    """Not JSON, not UTF-8, not an object, or no list where the batch belongs."""
    with pytest.raises(intake.IntakeError):
        take("batch", body)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sentAt": None}, "sentAt is missing"),
        ({"sentAt": "yesterday"}, "sentAt must be"),
        ({"sentAt": "2026-11-23T15:19:40"}, "sentAt has no time zone"),
        ({"sentAt": "2026-99-39T11:11:11Z"}, "sentAt does not exist"),
        ({"sentAt": "٢٠٢٦-11-23T15:19:40Z"}, "sentAt must be"),
        ({"sentAt": 7}, "sentAt must be"),
        ({"batch": []}, "empty"),
        ({"writeKey": "other"}, "not the key"),
    ],
)
def test_what_is_wrong_with_the_envelope(fields: dict[str, Any], words: str) -> None:
    """Each problem is told once, and names the field."""
    (problem,) = take("batch", batch(message(), **fields)).problems
    assert words in problem


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"CONTENT_TYPE": "text/plain"}, "Content-Type"),
        ({"CONTENT_TYPE": ""}, "Content-Type"),
        ({"HTTP_X_RETRY_COUNT": "-1"}, "X-Retry-Count"),
        ({"HTTP_X_RETRY_COUNT": "two"}, "X-Retry-Count"),
        ({"HTTP_AUTHORIZATION": basic("key")}, "colon"),
        ({"HTTP_AUTHORIZATION": basic(":")}, "no write key"),
        ({"HTTP_AUTHORIZATION": basic("key:password")}, "after the colon"),
        ({"HTTP_AUTHORIZATION": "Basic !"}, "base64"),
        ({"HTTP_AUTHORIZATION": "Digest x"}, "Basic or Bearer"),
        ({"HTTP_AUTHORIZATION": "Bearer "}, "empty"),
    ],
)
def test_what_is_wrong_with_the_headers(given: dict[str, str], words: str) -> None:
    """Each problem is told once, and names the header or its part."""
    (problem,) = take("batch", batch(message()), environ(**given)).problems
    assert words in problem


def test_any_of_the_three_ways_to_show_the_write_key() -> None:
    """Basic alone, writeKey alone, or a Bearer token together with writeKey."""
    json = {"CONTENT_TYPE": "application/json; charset=utf-8"}
    assert take("batch", batch(message(), writeKey=None)).valid
    assert take("batch", batch(message()), json).valid
    assert take("batch", batch(message()), {**json, "HTTP_AUTHORIZATION": "Bearer token"}).valid
    assert not take("batch", batch(message(), writeKey=None), {**json, "HTTP_AUTHORIZATION": "Bearer token"}).valid
    assert not take("batch", batch(message(), writeKey=None), json).valid


@pytest.mark.parametrize("key", ["sesame", "sesame:open", ""])
def test_problems_never_show_the_write_key(key: str) -> None:
    """Whatever is wrong with the credentials, they are not repeated."""
    given = environ(HTTP_AUTHORIZATION=basic(key))
    assert "sesame" not in " ".join(take("batch", batch(message(), writeKey="sesame2"), given).problems)


def test_both_sides_of_the_limit_of_a_message() -> None:
    """32,768 bytes of JSON pass, one more does not."""
    assert take("batch", batch(sized(MESSAGE_LIMIT))).valid
    (problem,) = take("batch", batch(sized(MESSAGE_LIMIT + 1))).events[0].problems
    assert "32,769 bytes" in problem


def test_both_sides_of_the_limit_of_a_body() -> None:
    """500,000 bytes pass, one more does not."""
    messages = [sized(30_000) for _ in range(16)]
    bare = len(batch(*messages, message(0)))
    fitting = message(0, name="x" * (BATCH_BYTES - bare - len(',"name":""')))
    assert len(batch(*messages, fitting)) == BATCH_BYTES
    assert take("batch", batch(*messages, fitting)).valid
    fitting["name"] += "x"
    (problem,) = take("batch", batch(*messages, fitting)).problems
    assert "500,001 bytes" in problem


def test_both_sides_of_the_limit_of_messages() -> None:
    """2,500 messages pass, one more does not."""
    small = {"type": "track", "userId": "u", "event": "e"}
    assert take("batch", batch(*[small] * BATCH_MESSAGES), strict=False).valid
    (problem,) = take("batch", batch(*[small] * (BATCH_MESSAGES + 1)), strict=False).problems
    assert "2,501 messages" in problem


def test_far_more_messages_than_the_limit_are_not_looked_at() -> None:
    """Millions fit into a body, and each would cost a hundred times its bytes."""
    small = message()
    assert len(take("batch", batch(*[small] * intake.MOST_MESSAGES)).events) == intake.MOST_MESSAGES
    with pytest.raises(intake.IntakeError, match="25,001 messages"):
        take("batch", batch(*[7] * (intake.MOST_MESSAGES + 1)))


def test_a_large_context_for_many_messages_is_not_multiplied_without_end() -> None:
    """A body of megabytes would become gigabytes of messages."""
    with pytest.raises(intake.IntakeError, match="over 67,108,864 bytes"):
        take("batch", batch(*[message()] * 1000, context={"text": "x" * 100_000}))


def test_the_content_type_of_browsers_is_fine() -> None:
    """Segment's library for them says text/plain, and asks no preflight for it; only a browser names its origin."""
    given = {**environ(CONTENT_TYPE="text/plain;charset=UTF-8"), "HTTP_ORIGIN": "https://shop.example"}
    assert take("track", orjson.dumps(message()), given).valid
    assert not take("track", orjson.dumps(message()), environ(CONTENT_TYPE="text/plain")).valid


def test_a_bad_message_is_told_by_its_place() -> None:
    """Its neighbours are valid; the summary of problems says where it stands."""
    taken = take("batch", batch(message(1), message(2, event=""), 7))
    assert [event.valid for event in taken.events] == [True, False, False]
    assert [problem.split(":")[0] for problem in taken.all_problems()] == ["message 1", "message 2"]


def test_not_strict_asks_for_what_segment_needs_and_no_more() -> None:
    """Without messageId, timestamp, library, sentAt and content type a call is still one that Segment takes."""
    bare = {"type": "track", "userId": "u", "event": "e"}
    given = {"CONTENT_TYPE": "text/plain", "HTTP_AUTHORIZATION": basic("key:")}
    assert take("batch", batch(bare, sentAt=None), given, strict=False).valid
    assert not take("batch", batch(bare, sentAt=None), given, strict=True).valid


def test_context_and_integrations_of_the_batch_go_under_those_of_the_message() -> None:
    """What the message says itself wins; its size is judged as it was sent."""
    shared = {"context": {"ip": "1.2.3.4", "locale": "en"}, "integrations": {"All": False}}
    own = message(context={"locale": "de", "library": {"name": "x", "version": "1"}})
    stored = orjson.loads(take("batch", batch(own, **shared)).events[0].message)
    assert stored["context"] == {"ip": "1.2.3.4", "locale": "de", "library": {"name": "x", "version": "1"}}
    assert stored["integrations"] == {"All": False}


def test_a_library_named_for_the_whole_batch_is_enough() -> None:
    """The strict rule looks at the message as Segment would see it."""
    library = {"library": {"name": "x", "version": "1"}}
    assert take("batch", batch(message(context=None), context=library)).valid


def test_a_single_call_is_its_message() -> None:
    """The envelope's fields are not part of it, and its path tells a type that it leaves out."""
    taken = take("track", single())
    assert taken.valid
    assert orjson.loads(taken.events[0].message) == message()
    assert take("track", orjson.dumps({**message(type=None), "writeKey": "key"})).events[0].type == "track"


def test_a_single_call_of_another_type_is_told() -> None:
    """A page sent to /v1/track."""
    assert "track" in take("track", single(type="page")).problems[0]


def test_values_nested_too_deep_are_refused_and_not_kept() -> None:
    """What can be read but not be written again leaves a placeholder."""
    deep = b'{"batch":[' + b'{"a":' * 500 + b"1" + b"}" * 500 + b'],"sentAt":"' + TIME.encode() + b'"}'
    (event,) = take("batch", deep).events
    assert "nested too deep" in event.problems[0]
    assert isinstance(orjson.loads(event.message), str)


def test_a_batchs_context_nested_too_deep_is_refused_likewise() -> None:
    """It goes into each message, which can't be written then."""
    context = b'{"a":' * 500 + b"1" + b"}" * 500
    body = orjson.dumps({"batch": [{"type": "track", "userId": "u", "event": "E"}], "sentAt": TIME})
    (event,) = take("batch", body[:-1] + b',"context":' + context + b"}").events
    assert "nested too deep" in event.problems[0]


def test_the_retry_count_is_zero_without_its_header() -> None:
    """Libraries leave it out on the first attempt."""
    assert intake.retry_count({}) == 0
    assert intake.retry_count({"HTTP_X_RETRY_COUNT": "3"}) == 3
    assert intake.retry_count({"HTTP_X_RETRY_COUNT": "²"}) is None
