"""The command `segment-gevent import`, in this process or in one of its own, and files for it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from click.testing import CliRunner
from servers.local_segment import LocalSegment
from servers.program import Process

from segment_gevent.cli.app import commands

GOOD = b'{"type":"track","userId":"u","event":"E","timestamp":"2020-05-03T10:00:00+02:00"}'


def run(server: LocalSegment | None, *arguments: object, code: int = 0, given: bytes | None = None) -> str:
    """What the command says; it sends to the server if there is one."""
    environment = {"SEGMENT_HOST": server.url if server else "", "SEGMENT_WRITE_KEY": "key", "NO_PROXY": "*"}
    words = ["import", *map(str, arguments)]
    ended = CliRunner().invoke(commands, words, env=environment, input=given)
    assert ended.exit_code == code, (ended.output, ended.exception)
    return str(ended.output)


def lines(path: Path, *texts: bytes) -> Path:
    path.write_bytes(b"\n".join(texts) + b"\n")
    return path


def numbered(count: int) -> Iterable[bytes]:
    return (b'{"type":"track","userId":"u","event":"E","properties":{"n":%d}}' % number for number in range(count))


def rejected(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def importing(server: LocalSegment, path: Path, *flags: object) -> Process:
    """The command in a process of its own."""
    words = ["import", path, "--write-key", "k", "--host", server.url, *flags]
    command = [sys.executable, "-m", "segment_gevent", *map(str, words)]
    return Process(command, {"NO_PROXY": "*"})
