"""`segment-gevent track`, `identify`, `page`, `screen`, `group`, `alias`: one message, and what became of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click
import orjson

from segment_gevent import Options
from segment_gevent.cli.commands.telling import told
from segment_gevent.cli.flags import chosen, sending_flags

WITHIN = 30.0
"""Seconds that a command tries for, unless it is told."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def pair(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, Any]:
    """`total=17.9` as a property: a value that is JSON is taken as such, any other is text."""
    read: dict[str, Any] = {}
    for each in given:
        key, equals, text = each.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"{each!r} must be key=value")
        try:
            read[key] = orjson.loads(text)
        except orjson.JSONDecodeError:
            read[key] = text
    return read


def json_object(_context: click.Context, _parameter: click.Parameter, given: str | None) -> dict[str, Any] | None:
    """A flag's JSON."""
    if given is None:
        return None
    try:
        value = orjson.loads(given)
    except orjson.JSONDecodeError as error:
        raise click.BadParameter(f"must be JSON: {error}") from None
    if not isinstance(value, dict):
        raise click.BadParameter("must be a JSON object")
    return value


SHARED: tuple[Decorator, ...] = (
    click.option("--timestamp", help="When it happened, in any form that python-dateutil reads.  [default: now]"),
    click.option("--context", callback=json_object, metavar="JSON", help="What is known of the moment."),
    click.option("--integrations", callback=json_object, metavar="JSON", help="Which destinations get it."),
    click.option("--message-id", help="The same for the same event: the server drops a repeat."),
    click.option(
        "--within",
        metavar="<seconds>",
        type=click.FloatRange(0),
        default=WITHIN,
        show_default=True,
        help="Seconds to try for.",
    ),
    sending_flags,
)
WHO: tuple[Decorator, ...] = (
    click.option("--user", "user_id", help="The user's id. One of the two is needed."),
    click.option("--session", "--anonymous-id", "session_id", help="A visitor's id before they log in."),
)
VIEW: tuple[Decorator, ...] = (
    click.option("--name", help="Its name."),
    click.option("--category", help="Its category."),
)


def message_command(call: str, words: str, *own: Decorator, values: str = "") -> click.Command:
    """The command that makes a client's call of that name, with what there is to say in the argument `values`."""

    def command(
        within: float, pairs: dict[str, Any] | None = None, json: dict[str, Any] | None = None, **given: Any
    ) -> None:
        from segment_gevent.cli.single import send

        options = {row.name: given.pop(row.name) for row in Options.describe() if row.name in given}
        if values:
            given[values] = {**(json or {}), **(pairs or {})}
        sys.exit(
            told(lambda: send(call, given, Options(**chosen(options), shutdown_timeout=0), within))  # flushed by then
        )

    said: tuple[Decorator, ...] = (
        click.argument("pairs", nargs=-1, callback=pair, metavar="[KEY=VALUE]..."),
        click.option(f"--{values}", "json", callback=json_object, metavar="JSON", help="The same as a JSON object."),
    )
    decorated: Callable[..., Any] = command
    for decorator in reversed([*own, *(said if values else ()), *SHARED]):
        decorated = decorator(decorated)
    return click.command(call, help=words, short_help=words.strip().partition(".")[0] + ".")(decorated)


MESSAGE_COMMANDS = (
    message_command(
        "track",
        """Send one track call: a user did EVENT.

        A value that is JSON is taken as such (total=17.9, is_gift=true, tags='["new"]'); any other is text, and so is
        code='"17"'. The exit code is 0 when the message was delivered.
        """,
        click.argument("event"),
        *WHO,
        values="properties",
    ),
    message_command(
        "identify",
        "Send one identify call: who a visitor is, and traits of theirs. Values as for track.",
        *WHO,
        values="traits",
    ),
    message_command(
        "page", "Send one page call: a page was seen. Values as for track.", *VIEW, *WHO, values="properties"
    ),
    message_command(
        "screen", "Send one screen call: a screen was seen. Values as for track.", *VIEW, *WHO, values="properties"
    ),
    message_command(
        "group",
        "Send one group call: a user belongs to GROUP_ID, whose traits these are. Values as for track.",
        click.argument("group_id"),
        *WHO,
        values="traits",
    ),
    message_command(
        "alias",
        "Send one alias call: PREVIOUS_ID and USER_ID are one user.",
        click.argument("previous_id"),
        click.argument("user_id"),
    ),
)
