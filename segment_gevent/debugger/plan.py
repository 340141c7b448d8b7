"""The tracking plan: each message held against the JSON Schema of its event, and what breaks it, in words.

The schemas are compiled once. Of the libraries that do so this one tells all that is wrong, in every draft, in under a
microsecond a message; jsonschema took 55, more than all the rest of the intake.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NoReturn

import jsonschema_rs
import orjson

from segment_gevent.debugger.plan_file import EVERY_MESSAGE, PlanError, PlanFile, Rule

_MAX_PROBLEMS = 10
# Of a value that a client made up the start is shown, and of the words about it the end.
_SHOWN_START, _SHOWN_END = 80, 120
# Looking for a name that is close takes a millisecond in a large plan: what is longer, or comes in such numbers, is no
# slip of the pen.
_LONG_NAME = 100
_CLOSE_NAMES = 1000


class Plan:
    """A compiled plan.

    Raises:
        PlanError: a schema is none; the text names its event and says why.
    """

    def __init__(self, file: PlanFile) -> None:
        self.events = sorted(rule.name for rule in file.rules if rule.type == "track" and rule.name is not None)
        self._allows_unknown = file.allows_unknown
        self._checks = {(rule.type, rule.name): (rule.part, _compiled(rule)) for rule in file.rules}
        self._close = lru_cache(_CLOSE_NAMES)(self._closest)

    @classmethod
    def read(cls, path: str) -> Plan:
        """The plan in a file. Blocks.

        Raises:
            PlanError: it cannot be read, or is no plan; the text names the file.
        """
        try:
            return cls(PlanFile.parse(orjson.loads(Path(path).read_bytes())))
        except (OSError, orjson.JSONDecodeError, PlanError) as error:
            raise PlanError(f"the tracking plan {path} cannot be used: {error}") from error

    def problems(self, message: Mapping[str, object]) -> list[str]:
        """What is wrong with a decoded message, at most ten things; [] if nothing is. Never switches greenlets."""
        return list(islice(self._problems(message), _MAX_PROBLEMS))

    def _problems(self, message: Mapping[str, object]) -> Iterator[str]:
        kind = message.get("type")
        name = message.get("event" if kind == "track" else "name")
        if not isinstance(kind, str):
            return
        name = name if isinstance(name, str) else None
        if kind == "track" and name and not self._allows_unknown and ("track", name) not in self._checks:
            yield f"plan: it has no event {name[:_SHOWN_START]!r}{self._close(name[: _LONG_NAME + 1])}"
        for key in dict.fromkeys(((EVERY_MESSAGE, None), (kind, None), (kind, name))):
            if key in self._checks:
                yield from _broken(message, *self._checks[key])

    def _closest(self, name: str) -> str:
        if len(name) > _LONG_NAME or self._close.cache_info().misses > _CLOSE_NAMES:
            return ""
        found = difflib.get_close_matches(name, self.events, 1, 0.8)
        return f", but {found[0]!r}" if found else ""


def _compiled(rule: Rule) -> jsonschema_rs.Validator:
    if not isinstance(rule.schema, dict | bool):
        raise PlanError(f"the schema of {rule.called} is an object, not {type(rule.schema).__name__}")
    try:
        return jsonschema_rs.validator_for(rule.schema, validate_formats=True, retriever=_retrieve_nothing)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        where = ".".join(str(step) for step in getattr(error, "instance_path", ()))
        words = str(getattr(error, "message", error))
        raise PlanError(f"the schema of {rule.called} is not valid{where and ' at '}{where}: {words}") from error


def _retrieve_nothing(uri: str) -> NoReturn:
    """Nothing leaves this machine, and no file is read but the plan."""
    raise LookupError(f"a $ref may only point into its own schema, or into the plan's $defs, not to {uri}")


def _broken(message: Mapping[str, object], part: str | None, validator: jsonschema_rs.Validator) -> Iterator[str]:
    instance: object = message
    if part is not None:
        instance = message.get(part)
        if instance is None:
            instance = {}
        elif not isinstance(instance, dict):
            return  # the API's own rules say so
    for error in validator.iter_errors(instance):
        yield f"plan: {_place(part, error.instance_path)}{_shortened(error.message)}"


def _place(part: str | None, path: list[str | int]) -> str:
    """Where it is, as one writes it in JavaScript: `properties.products[0].price: `."""
    steps = [part, *path] if part else path
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step[:_SHOWN_START]}" for step in steps)
    return f"{text.removeprefix('.')}: " if text else ""


def _shortened(words: str) -> str:
    if len(words) <= _SHOWN_START + _SHOWN_END:
        return words
    return f"{words[:_SHOWN_START]}…{words[-_SHOWN_END:]}"
