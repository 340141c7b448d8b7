"""The flags of a command that sends: one for each option that says how batches reach the server."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from segment_gevent import Options
from segment_gevent.cli.flags import sending_flags

SENDING = {
    "api_key",
    "host",
    "region",
    "timeout",
    "send_timeout",
    "proxies",
    "verify",
    "oauth_client_id",
    "oauth_client_key",
    "oauth_key_id",
    "oauth_auth_server",
    "oauth_scope",
    "outbox",
}


def given(*arguments: str) -> dict[str, Any]:
    """What a command gets for these arguments, by the options' names."""
    got: dict[str, Any] = {}

    @click.command()
    @sending_flags
    def command(**options: Any) -> None:
        got.update(options)

    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return got


def test_each_sending_option_has_a_flag_and_is_none_when_left_out() -> None:
    """So that the environment and the defaults serve, as for `initialize`."""
    assert given() == dict.fromkeys(SENDING)


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (("--write-key", "key"), "api_key", "key"),
        (("--timeout", "3"), "timeout", (3.0, 3.0)),
        (("--timeout", "3,4.5"), "timeout", (3.0, 4.5)),
        (("--send-timeout", "3"), "send_timeout", 3.0),
        (("--verify", "/dev/null"), "verify", "/dev/null"),
        (("--verify", "False"), "verify", False),
        (
            ("--proxy", "https=http://u:p=w@proxy:3128", "--proxy", "http=http://proxy"),
            "proxies",
            {"https": "http://u:p=w@proxy:3128", "http": "http://proxy"},
        ),
        (("--region", "eu"), "region", "eu"),
        (("--oauth-scope", "another"), "oauth_scope", "another"),
    ],
)
def test_a_flag_reads_as_the_option(arguments: tuple[str, ...], name: str, value: object) -> None:
    """What the command got makes `Options` that read as said."""
    chosen = {name: value for name, value in given(*arguments).items() if value is not None}
    assert getattr(Options(**{"api_key": "key", **chosen}), name) == value
