"""The flags of a command that sends, made from where the options are declared."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import click

from segment_gevent import Options

Command = TypeVar("Command", bound=Callable[..., object])


class Form(NamedTuple):
    """How a unit is written on a command line."""

    shown: str
    read: Callable[[Any], object]
    is_repeated: bool = False


def sending_flags(command: Command) -> Command:
    """Give a command the flag of every option that says how batches reach the server.

    The command gets them by the options' names, None where left out, so that the environment and the defaults serve.
    """
    return sending_flags_but()(command)


def sending_flags_but(*left_out: str) -> Callable[[Command], Command]:
    """The same but for some options, by their names."""

    def give(command: Command) -> Command:
        for row in reversed(Options.describe()):
            if row.flag and row.name not in left_out:
                command = _flag(row)(command)
        return command

    return give


def _flag(row: Any) -> Callable[[Command], Command]:
    form = FORMS.get(row.unit) or Form(row.unit, str)
    default = row.default.strip("'()").replace(", ", ",")
    return click.option(
        row.flag,
        row.name,
        metavar=f"<{form.shown}>",
        multiple=form.is_repeated,
        callback=_reader(form),
        help=row.doc.replace("`", "") + (f"  [default: {default}]" if default not in {"", "None"} else ""),
    )


def chosen(given: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were given: the arguments of `Options`."""
    return {name: value for name, value in given.items() if value is not None}


def _reader(form: Form) -> Callable[[click.Context, click.Parameter, Any], object]:
    def read(_context: click.Context, _parameter: click.Parameter, given: Any) -> object:
        if not given and given != "":
            return None
        try:
            return form.read(given)
        except ValueError:
            raise click.BadParameter(f"must be {form.shown}") from None

    return read


def _seconds(text: str) -> object:
    """One number, or two for an option that takes a pair."""
    numbers = tuple(map(float, text.split(",")))
    return numbers if len(numbers) > 1 else numbers[0]


def _proxies(pairs: tuple[str, ...]) -> object:
    return dict(pair.split("=", 1) for pair in pairs)


def _path(text: str) -> object:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if not os.path.exists(text):
        raise click.BadParameter(f"{text!r} does not exist")
    return text


FORMS = {
    "seconds": Form("seconds", _seconds),
    "path": Form("path", _path),
    "scheme to URL": Form("scheme=URL", _proxies, is_repeated=True),
}
