"""`segment-gevent relay`: a relay in this process, and looks at what an outbox holds."""

from __future__ import annotations

import json
import logging
import signal
from dataclasses import asdict, fields
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from segment_gevent import ConfigError, Options
from segment_gevent.words import counted, printable

if TYPE_CHECKING:
    from segment_gevent.relay.overview import Overview


def run(outbox: str, *, host: str, listen: str, **given: Any) -> int:
    """Relay until SIGTERM or Ctrl-C. Returns the exit code.

    Raises:
        ConfigError: a setting can't be used.
    """
    _require_redis()
    import gevent

    from segment_gevent.redis_url import parse
    from segment_gevent.relay.pages import serve
    from segment_gevent.relay.relay import Relay
    from segment_gevent.relay.settings import Settings

    own = {each.name: given.pop(each.name) for each in fields(Settings) if each.name in given}
    # Said, so that what the environment has for applications does not serve here.
    given |= {"host": host} if host else {}
    options = Options(enabled=False, gzip=True, outbox="", **given)
    relay = Relay(
        Settings(parse("outbox", outbox), options, host=options.host if host else "", **own), _logger(options.log_level)
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, relay.stop)
    server = None
    if listen:
        address, colon, port = listen.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit():
            raise ConfigError("--listen must be HOST:PORT, such as 127.0.0.1:9464")
        try:
            server = serve(relay, address.strip("[]"), int(port))
        except (OSError, OverflowError) as error:  # the second for a port that is none
            raise ConfigError(f"--listen: {getattr(error, 'strerror', None) or error}") from error
        click.echo(f"pages at http://{server.server_host}:{server.server_port}", err=True)
    code = relay.run()
    if server is not None:
        server.stop(timeout=1)
    return code


def status(outbox: str, *, as_json: bool) -> int:
    """Print what Redis says of the outbox. Returns the exit code: 1 where entries wait and no relay is there.

    Raises:
        ConfigError: the URL can't be used.
    """
    _require_redis()
    from segment_gevent.relay.overview import look
    from segment_gevent.relay.visit import visit

    with visit(outbox) as there:
        seen = look(there.redis, there.keys)
    if as_json:
        click.echo(json.dumps({**asdict(seen), "lag": seen.lag, "consumers": [c._asdict() for c in seen.consumers]}))
    else:
        _print_overview(seen)
    return 1 if seen.lag and not seen.consumers else 0


def dead(outbox: str, limit: int) -> int:
    """Print a line a dead letter, the oldest first. Returns the exit code.

    Raises:
        ConfigError: the URL can't be used.
    """
    _require_redis()
    from segment_gevent.relay.letters import letters
    from segment_gevent.relay.overview import local_time
    from segment_gevent.relay.visit import visit

    console = Console(highlight=False, markup=False)
    with visit(outbox) as there:
        found = letters(there.redis, there.keys)
        for letter in islice(found, limit):
            line = f"{letter.id.decode()}  {local_time(letter.id)}  {counted(letter.messages, 'message')}"
            console.print(f"{line}  {printable(letter.host)}  {printable(letter.reason)}", soft_wrap=True)
        if next(found, None) is not None:
            console.print(f"… and more; --limit shows more than {limit:,}")
    return 0


def requeue(outbox: str, ids: tuple[str, ...]) -> int:
    """Have dead letters be entries again. Returns the exit code: 1 where one of `ids` is none.

    Raises:
        ConfigError: the URL can't be used.
    """
    _require_redis()
    from segment_gevent.relay import letters
    from segment_gevent.relay.visit import visit

    entries = messages = 0
    with visit(outbox) as there:
        for letter in letters.letters(there.redis, there.keys):
            if (not ids or letter.id.decode() in ids) and letters.requeue(there.redis, there.keys, letter):
                entries += 1
                messages += letter.messages
    click.echo(f"requeued {counted(entries, 'dead letter')} with {counted(messages, 'message')}")
    return 1 if entries < len(set(ids)) else 0


def _print_overview(seen: Overview) -> None:
    console = Console(highlight=False)
    age = f", the oldest {seen.oldest_age:,.0f} s old" if seen.length else ""
    alone = "; there is no relay to send them" if seen.lag and not seen.consumers else ""
    console.print(f"waiting   {_entries(seen.lag)}{age}{alone}")
    aside = f", {seen.parked:,} of them put aside" if seen.parked else ""
    console.print(f"pending   {_entries(seen.pending)} with {counted(len(seen.consumers), 'relay')}{aside}")
    console.print(f"dead      {counted(seen.dead, 'letter')}")
    console.print(f"memory    {counted(seen.memory, 'byte')}")
    console.print(f"so far    {seen.delivered:,} messages delivered, {seen.died:,} dead, {seen.trimmed:,} trimmed")
    if seen.consumers:
        table = Table("relay", "pending", "idle", box=None)
        for consumer in seen.consumers:
            table.add_row(consumer.name, f"{consumer.pending:,}", f"{consumer.idle:,.0f} s")
        console.print(table, soft_wrap=True)


def _logger(level: int) -> logging.Logger:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")
    logger = logging.getLogger("segment_gevent")
    logger.setLevel(level)
    return logger


def _require_redis() -> None:
    if find_spec("redis") is None:
        raise ConfigError("the relay needs the extra `redis`: pip install 'segment-gevent[redis]'")


def _entries(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"
