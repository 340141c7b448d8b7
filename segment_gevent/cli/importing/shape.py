"""A record as a call of the client: which name means what, what is left out, and the message's id. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from segment_gevent import ValidationError
from segment_gevent.cli.importing.fields import (
    ARGUMENTS,
    LEFT_OUT,
    NAMES,
    OF_SERVERS,
    Arguments,
    ShapeError,
    Step,
    step,
    when,
)
from segment_gevent.cli.importing.records import Record
from segment_gevent.events.message import TYPES

ID_PREFIX = "import-"

MAX_LAYOUTS = 1_000
"""Sets of names that are remembered: a file may have as many as lines."""


class Ids:
    """The messageIds of one file: the same for the same line at the same place, read in the same way.

    So the server drops what it gets twice, and nothing else: two files may have equal lines, and two headers may give
    equal cells another meaning.

    Args:
        path: the file's name in the checkpoint.
        header: of CSV; else empty.
        fingerprint: of the `Shape`.
    """

    def __init__(self, path: str, header: Sequence[str], fingerprint: str) -> None:
        self._hash = hashlib.blake2b(_bytes([path, list(header), fingerprint]), digest_size=16)

    def of(self, record: Record) -> str:
        digest = self._hash.copy()
        digest.update(b"%d " % record.line)
        digest.update(record.raw)
        return ID_PREFIX + digest.hexdigest()


class Shape:
    """Turns records into calls.

    Args:
        mapping: pairs `column=field`, where a field is a name of the API or of the calls, may have a key behind a dot
            (`properties.total`), and a type behind a colon (`:number`, `:boolean`, `:json`, `:text`); `column=` leaves
            the column out.
        constants: pairs `field=value` for lines that do not have the field.

    Raises:
        ShapeError: one of them is wrong.
    """

    def __init__(self, mapping: Sequence[str] = (), constants: Sequence[str] = ()) -> None:
        self._steps: dict[str, Step] = dict.fromkeys(OF_SERVERS, LEFT_OUT)
        self._layouts: dict[tuple[str, ...], list[Step]] = {}
        self._constants: list[tuple[Step, str, str]] = []
        for pair in mapping:
            column, field = _parted("--map", pair)
            self._steps[column] = step(field) if field else LEFT_OUT
        for pair in constants:
            field, value = _parted("--set", pair)
            self._constants.append((_tried(step(field), value), field, value))
        given = _bytes([sorted(mapping), sorted(constants)])
        self.fingerprint = hashlib.blake2b(given, digest_size=8).hexdigest()

    def check_columns(self, header: Sequence[str]) -> None:
        """Whether each column of a header means something, and stands there once.

        Raises:
            ShapeError: one does not.
        """
        for place, column in enumerate(header):
            if column in header[:place]:
                raise ShapeError(f"two columns are named {column!r}")
            try:
                self._step(column)
            except ShapeError as error:
                raise ShapeError(
                    f"column {column!r} is no field: say --map {column!r}=properties.{column}, or another, "
                    f"or --map {column!r}= to leave it out"
                ) from error

    def call(self, record: Record, ids: Ids) -> tuple[str, Arguments]:
        """Which call a record makes, and with which arguments; its message's id among them, by `ids` if it has none.

        Raises:
            ValidationError: it makes none; the text names the field.
        """
        assert record.values is not None
        arguments = self._arguments(record.values)
        call = arguments.pop("type", None) or ("track" if "event" in arguments else None)
        if call not in TYPES:
            raise ValidationError("type is missing" if call is None else f"type must be one of {', '.join(TYPES)}")
        if not arguments.keys() <= ARGUMENTS[call]:
            raise ValidationError(f"{min(arguments.keys() - ARGUMENTS[call])} is no field of {call}")
        if call == "alias":
            arguments.pop("session_id", None)  # some libraries send it along; the call has no place for it
        timestamp = arguments.get("timestamp")
        if timestamp is not None:
            arguments["timestamp"] = when(timestamp)
        if not arguments.get("message_id"):
            arguments["message_id"] = ids.of(record)
        return call, arguments

    def _arguments(self, values: dict[str, Any]) -> Arguments:
        arguments: Arguments = {}
        for (argument, put), value in zip(self._layout(tuple(values)), values.values(), strict=True):
            if value is None:
                continue
            if put is None:
                arguments[argument] = value
            else:
                put(arguments, value)
        for where, field, constant in self._constants:
            if not _has(arguments, field):
                _put(where, arguments, constant)
        return arguments

    def _layout(self, names: tuple[str, ...]) -> Iterable[Step]:
        """Where the values of a line with these names go: most lines of a file have the same ones."""
        layout = self._layouts.get(names)
        if layout is None:
            try:
                layout = [self._step(name) for name in names]
            except ShapeError as error:
                raise ValidationError(str(error)) from None
            if len(self._layouts) >= MAX_LAYOUTS:
                self._layouts.clear()
            self._layouts[names] = layout
        return layout

    def _step(self, name: str) -> Step:
        return self._steps.get(name) or step(name)


def _bytes(given: list[Any]) -> bytes:
    """The same wherever it runs; also of names that are no UTF-8, which orjson refuses."""
    return json.dumps(given).encode()


def _put(where: Step, arguments: Arguments, value: Any) -> None:
    if where.put is None:
        arguments[where.argument] = value
    else:
        where.put(arguments, value)


def _tried(where: Step, value: str) -> Step:
    """The same; a constant that fits no line is said at once.

    Raises:
        ShapeError: it fits none.
    """
    try:
        _put(where, {}, value)
    except ValidationError as error:
        raise ShapeError(str(error)) from error
    if where.argument == "type" and value not in TYPES:
        raise ShapeError(f"type must be one of {', '.join(TYPES)}, not {value!r}")
    return where


def _has(arguments: Mapping[str, Any], field: str) -> bool:
    inner: Any = arguments
    name, *keys = field.partition(":")[0].split(".")
    for key in [NAMES.get(name, name), *keys]:
        if not isinstance(inner, Mapping) or key not in inner:
            return False
        inner = inner[key]
    return True


def _parted(flag: str, pair: str) -> tuple[str, str]:
    column, equals, field = pair.rpartition("=") if pair.endswith("=") else pair.partition("=")
    if not column or not equals:
        raise ShapeError(f"{flag} {pair!r} must be NAME=…")
    return column, field
