"""`segment-gevent track` and its siblings: one message, and what became of it in words and as an exit code."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner
from servers.local_segment import LocalSegment

from segment_gevent.cli.app import commands


def run(server: LocalSegment | None, *arguments: str, code: int = 0) -> str:
    """What the command says; it sends to the server if there is one."""
    environment = {"SEGMENT_HOST": server.url if server else "http://127.0.0.1:9", "SEGMENT_WRITE_KEY": "key"}
    ended = CliRunner().invoke(commands, arguments, env={**environment, "NO_PROXY": "*"})
    assert ended.exit_code == code, (ended.output, ended.exception)
    return str(ended.output)


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        (
            ("track", "Order Completed", "--user", "ilya", "total=17.9", 'code="17"', "plan=free", "gift=true"),
            {
                "type": "track",
                "userId": "ilya",
                "event": "Order Completed",
                "properties": {"total": 17.9, "code": "17", "plan": "free", "gift": True},
            },
        ),
        (
            ("identify", "--session", "s", "--traits", '{"plan": "free", "age": 7}', "plan=gold"),
            {"type": "identify", "anonymousId": "s", "traits": {"plan": "gold", "age": 7}},
        ),
        (
            ("page", "--name", "Home", "--category", "Docs", "--anonymous-id", "s"),
            {"type": "page", "name": "Home", "properties": {"name": "Home", "category": "Docs"}},
        ),
        (("screen", "--user", "u", "dark=true"), {"type": "screen", "properties": {"dark": True}}),
        (("group", "acme", "--user", "u", "seats=3"), {"type": "group", "groupId": "acme", "traits": {"seats": 3}}),
        (("alias", "old", "new"), {"type": "alias", "previousId": "old", "userId": "new"}),
        (
            ("track", "E", "--user", "u", "--timestamp", "3 May 2020 10:00 +02:00", "--message-id", "m-1"),
            {"timestamp": "2020-05-03T08:00:00.000Z", "messageId": "m-1"},
        ),
    ],
)
def test_a_message_arrives_as_it_was_said(
    segment_server: LocalSegment, arguments: tuple[str, ...], sent: dict[str, Any]
) -> None:
    """Values that are JSON as such, others as text; pairs go over the JSON of a flag."""
    said = run(segment_server, *arguments)
    (message,) = segment_server.messages()
    assert {name: message.get(name) for name in sent} == sent
    assert said.startswith(f"delivered {message['type']}")
    assert message["messageId"] in said


def test_context_goes_along(segment_server: LocalSegment) -> None:
    """Under the library's own name and version."""
    run(segment_server, "track", "E", "--user", "u", "--context", '{"ip": "1.2.3.4"}')
    (message,) = segment_server.messages()
    assert message["context"]["ip"] == "1.2.3.4"
    assert message["context"]["library"]["name"] == "segment-gevent"


def test_a_refusal_is_said_in_the_servers_words(segment_server: LocalSegment) -> None:
    """Exit code 1."""
    segment_server.faults([{"status": 401}])
    said = run(segment_server, "track", "E", "--user", "u", code=1)
    assert said.startswith("not delivered: the server answered 401 Unauthorized")


def test_a_server_that_is_away_is_said(segment_server: LocalSegment) -> None:
    """With what stands in the way, after the time that it was given."""
    segment_server.stop()
    said = run(segment_server, "track", "E", "--user", "u", "--within", "2", code=1)
    assert said.startswith("not delivered in time: ")
    assert "refused" in said


def test_a_message_that_is_too_large_is_not_sent(segment_server: LocalSegment) -> None:
    """It has its words too."""
    said = run(segment_server, "track", "E", "--user", "u", f"text={'x' * 40_000}", code=1)
    assert said.startswith("not sent: the message has over 32,768 bytes")
    assert segment_server.requests() == []


@pytest.mark.parametrize(
    ("arguments", "text", "code"),
    [
        (("track", "E", "--user", "u", "total"), "'total' must be key=value", 2),
        (("track", "E", "--user", "u", "--properties", "[1]"), "must be a JSON object", 2),
        (("track", "E", "--user", "u", "--context", "{"), "must be JSON", 2),
        (("track", "E"), "track needs a --session or a --user; both are empty", 2),
        (("alias", "visitor", ""), "user_id is required", 2),
        (("track", "E", "--user", "u", "--message-id", "m" * 100), "--message-id must be a non-empty string", 2),
        (("track", "E", "--user", "u", "--timestamp", "some day"), "--timestamp of type str cannot be read", 2),
        (("track", "E", "--user", "u", "--host", "nowhere"), "host must be an http:// or https:// address", 2),
    ],
)
def test_a_mistake_is_said_before_anything_is_sent(arguments: tuple[str, ...], text: str, code: int) -> None:
    """In the words of the library's own checks, with what is a flag here by its name."""
    assert text in " ".join(run(None, *arguments, code=code).split())
