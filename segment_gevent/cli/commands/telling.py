"""What a command's user is told where its work raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from segment_gevent import ConfigError, SegmentError

T = TypeVar("T")


def told(work: Callable[[], T]) -> T:
    """What the work returns; the package's errors end the command with their text, wrong options with exit code 2."""
    try:
        return work()
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    except SegmentError as error:
        raise click.ClickException(str(error)) from error
