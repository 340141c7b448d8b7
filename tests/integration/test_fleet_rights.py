"""The ACL users of the documentation: what each may is enough, and no more than it says."""

from __future__ import annotations

import re
import shlex
import signal
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner
from servers.local_segment import LocalSegment
from servers.program import ROOT
from servers.redis_server import RedisServer
from servers.relays import relay_process

from segment_gevent import Client
from segment_gevent.cli.app import commands
from segment_gevent.delivery.outbox.entry import fields

DATABASE = 2
"""One for which `SELECT` is needed."""


def test_the_documented_users_are_enough(segment_server: LocalSegment, tmp_path: Path) -> None:
    """For clients, relays and the commands, dead letters and bounds included; and a client can read nothing."""
    lines = re.findall(r"^ACL SETUSER .*$", (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == 2
    with RedisServer(tmp_path / "redis") as server, server.client(db=DATABASE) as admin:
        for line in lines:
            admin.execute_command(*shlex.split(line))
        with Client(
            "key", host=segment_server.url, outbox=f"redis://host:PASSWORD@{server.address}/{DATABASE}"
        ) as client:
            client.track(user_id="u", event="E")
            assert client.flush(20)
        bad = b'{"type":"track"}'
        admin.xadd(
            "segment:outbox",
            fields(write_key="key", host=segment_server.url, body=bad, encoding="identity", count=1, now=0),  # type: ignore[arg-type]
        )
        url = f"redis://relay:PASSWORD@{server.address}/{DATABASE}"
        arguments = ("--claim-after", "0.5", "--max-entries", "5", "--max-dead", "5")
        with relay_process(url, *arguments) as relay:
            server.wait_until(database=DATABASE, holds=lambda there: not there.xlen("segment:outbox"))
            for command in ("status", "dead", "requeue"):
                done = CliRunner().invoke(commands, ["relay", command, "--outbox", url])
                assert done.exit_code == 0, done.output
            server.wait_until(database=DATABASE, holds=lambda there: there.xlen("{segment:outbox}:dead"))
            server.wait_until(database=DATABASE, holds=lambda there: there.xinfo_consumers("segment:outbox", "relays"))
            relay.signal(signal.SIGTERM)
            ended = relay.ended()
        assert "the outbox fails" not in ended.errors
        assert admin.xinfo_consumers("segment:outbox", "relays") == []
        refused = {str(entry["object"]) for entry in admin.acl_log()}
        assert refused <= {"client|setinfo"}  # by which the library says its name, where it may
        with (
            server.client(username="host", password="PASSWORD", db=DATABASE) as reader,
            pytest.raises(redis.ResponseError),
        ):
            reader.xrange("segment:outbox")
    assert [each["event"] for each in segment_server.messages(event="E")] == ["E"]
