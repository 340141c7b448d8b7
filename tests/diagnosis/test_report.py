"""The report: its verdict, its words, its JSON."""

from __future__ import annotations

import dataclasses
import json

import pytest

from segment_gevent import Diagnosis
from segment_gevent.diagnosis.finding import Subject

HERE = Subject("here")
OK = HERE.ok("fine", "All is well")
NOTE = HERE.note("so-so", "It is so", "And so.")
WARNING = HERE.warning("careful", "It may go wrong", "It did before.", "take care")
ERROR = Subject("there").error("wrong", "It is wrong", "", "make it right")


def test_only_errors_make_it_wrong() -> None:
    """Warnings alone leave the exit code at 0."""
    assert Diagnosis((OK, NOTE, WARNING)).ok
    assert Diagnosis((OK, NOTE, WARNING)).exit_code == 0
    wrong = Diagnosis((OK, WARNING, ERROR))
    assert (wrong.ok, wrong.exit_code) == (False, 1)
    assert (wrong.errors, wrong.warnings) == ((ERROR,), (WARNING,))


def test_it_is_walked_through_and_can_not_be_changed() -> None:
    """A frozen object of frozen findings, in their order."""
    diagnosis = Diagnosis((OK, ERROR))
    assert list(diagnosis) == [OK, ERROR]
    assert len(diagnosis) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        diagnosis.findings = ()  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        OK.level = "error"  # type: ignore[misc]


def test_in_words() -> None:
    """Subject by subject; what to do stands below what is wrong; the count is the last line."""
    assert str(Diagnosis((OK, WARNING, ERROR))).splitlines() == [
        "here",
        "  ok       All is well",
        "  WARNING  It may go wrong",
        "           It did before.",
        "           → take care",
        "there",
        "  ERROR    It is wrong",
        "           → make it right",
        "1 error, 1 warning",
    ]
    assert str(WARNING) == "warning: It may go wrong: It did before. To fix it: take care"


def test_as_json() -> None:
    """One object, with every finding as it is."""
    told = json.loads(Diagnosis((OK, ERROR)).to_json())
    assert (told["ok"], told["counts"]) == (False, {"ok": 1, "note": 0, "warning": 0, "error": 1})
    assert told["findings"] == [dataclasses.asdict(OK), dataclasses.asdict(ERROR)]
