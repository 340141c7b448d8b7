"""What a command's user is told where its work raises."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import click

from segment_gevent import ConfigError, Options, SegmentError, ValidationError

T = TypeVar("T")


def told(work: Callable[[], T]) -> T:
    """What the work returns; the package's errors end the command with their text, what was given wrong with code 2."""
    try:
        return work()
    except ConfigError as error:
        raise click.UsageError(_by_flags(str(error))) from error
    except ValidationError as error:
        from segment_gevent.cli.single import mistake

        raise click.UsageError(_by_flags(mistake(error))) from error
    except SegmentError as error:
        raise click.ClickException(str(error)) from error


def _by_flags(text: str) -> str:
    """The text with options, and the arguments of a call, by the names that they have here."""
    flags = {row.name: row.flag for row in Options.describe() if row.flag}
    command = click.get_current_context().command
    flags.update({each.name or "": each.opts[0] for each in command.params if isinstance(each, click.Option)})
    names = [rf"\b{name}\b" if "_" in name else rf"^{name}\b" for name in flags]  # host is a word too
    return re.sub("|".join(names), lambda found: flags[found[0]], text)
