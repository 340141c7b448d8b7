"""`segment-gevent doctor`: what it says, what it hides, and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from servers.local_segment import LocalSegment

import segment_gevent
from segment_gevent import Diagnosis
from segment_gevent.cli.doctor import console, show
from segment_gevent.diagnosis.finding import Subject

ROOT = os.path.dirname(segment_gevent.__path__[0])
KEY = "Wz7abcdefghijklmnopqrstuvwxyz012"
BARE = {"SEGMENT_WRITE_KEY": "", "SEGMENT_HOST": "", "PYTHONPATH": ROOT, "NO_PROXY": "127.0.0.1"}
LATE = """
import requests
from time import sleep
from gevent import monkey
monkey.patch_all()
import segment_gevent
print("loading")
segment_gevent.initialize("KEY", host="HOST")
"""
FIRST = """
from gevent import monkey
monkey.patch_all()
import requests
import segment_gevent
def create():
    segment_gevent.initialize("KEY", host="HOST")
"""


def doctor(*arguments: str, code: int = 0, cwd: Path | None = None, **environment: str) -> str:
    """What the command said on stdout."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "segment_gevent", "doctor", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        env={**os.environ, **BARE, **environment},
    )
    assert ended.returncode == code, ended
    assert "Traceback" not in ended.stderr
    return ended.stdout if code < 2 else ended.stderr


def found(*arguments: str, code: int = 0, cwd: Path | None = None, **environment: str) -> dict[str, str]:
    """The level of each finding, by its name."""
    told = json.loads(doctor(*arguments, "--json", code=code, cwd=cwd, **environment))
    assert told["ok"] is (code == 0)
    return {each["name"]: each["level"] for each in told["findings"]}


def test_a_sound_environment(segment_server: LocalSegment) -> None:
    """Nothing is wrong: 0; the key and a proxy's password are shown nowhere."""
    said = doctor("--host", segment_server.url, SEGMENT_WRITE_KEY=KEY, HTTPS_PROXY="http://ilya:secret@127.0.0.1:9")
    assert said.splitlines()[-1] == "0 errors, 0 warnings"
    assert "127.0.0.1 answers" in said
    assert "Wz7…, 32 characters" in said
    assert KEY not in said
    assert "secret" not in said
    assert segment_server.messages() == []


def test_without_a_key() -> None:
    """That is what is wrong, said once, and the rest is looked at all the same."""
    levels = found("--no-network", code=1)
    assert [name for name, level in levels.items() if level == "error"] == ["key-missing"]
    assert levels["versions"] == "ok"
    assert "reached" not in levels


def test_options_that_raise_are_a_finding() -> None:
    """And no usage error: what else is wrong with the environment is said, too."""
    levels = found("--oauth-client-id", "me", "--no-network", code=1, SEGMENT_WRITE_KEY="your-write-key")
    assert levels["options-refused"] == "error"
    assert levels["key-placeholder"] == "error"


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("--host", "api.example.org"), {}),
        (("--host", "api.example.org"), {"SEGMENT_HOST": "SERVER"}),
        ((), {"SEGMENT_HOST": "api.example.org"}),
    ],
    ids=["flag", "flag over the environment", "environment"],
)
def test_a_host_that_is_refused_is_not_replaced(
    arguments: tuple[str, ...], environment: dict[str, str], segment_server: LocalSegment
) -> None:
    """Nothing is said of another host's answers, name or certificate, but why there is nothing to say."""
    variables = {name: value.replace("SERVER", segment_server.url) for name, value in environment.items()}
    told = json.loads(doctor(*arguments, "--json", code=1, SEGMENT_WRITE_KEY=KEY, **variables))
    (refused,) = [each for each in told["findings"] if each["level"] == "error"]
    assert "host must be an http:// or https:// address" in refused["detail"]
    (reaching,) = [each for each in told["findings"] if each["subject"] == "reaching"]
    assert reaching["name"] == "not-tried"
    assert reaching["detail"].startswith("Without host")
    assert segment_server.summary()["requests"] == 0


def test_an_unreachable_host() -> None:
    """In words, with what to look at."""
    said = doctor("--host", "http://127.0.0.1:9", code=1, SEGMENT_WRITE_KEY=KEY)
    assert "No connection to 127.0.0.1:9" in said
    assert "Connection refused" in said
    assert "→ look at host and port" in said


def test_a_bundle_that_is_not_there(segment_server_tls: LocalSegment, tmp_path: Path) -> None:
    """The variable that names it is named."""
    missing = str(tmp_path / "nothing.pem")
    host = ("--host", segment_server_tls.url)
    said = doctor(*host, code=1, SEGMENT_WRITE_KEY=KEY, REQUESTS_CA_BUNDLE=missing)
    assert "REQUESTS_CA_BUNDLE names it: No such file or directory" in said
    assert "unset it" in said


def test_warnings_alone() -> None:
    """Leave the code at 0, unless it is asked to be strict."""
    arguments = ("--verify", "false", "--no-network")
    assert found(*arguments, SEGMENT_WRITE_KEY=KEY)["verify-off"] == "warning"
    assert "0 errors, 1 warning" in doctor(*arguments, "--strict", code=1, SEGMENT_WRITE_KEY=KEY)


def test_an_application_that_patches_late(segment_server: LocalSegment, tmp_path: Path) -> None:
    """It is loaded, found out, and what it prints is no part of the report; its client's host is the one looked at."""
    program = LATE.replace("KEY", KEY).replace("HOST", segment_server.url)
    (tmp_path / "shop.py").write_text(program)
    levels = found("--app", "shop", code=1, cwd=tmp_path)
    assert levels["patched-late"] == "error"
    assert levels["holds-unpatched"] == "warning"
    assert levels["reached"] == "ok"


def test_an_application_that_patches_first(segment_server: LocalSegment, tmp_path: Path) -> None:
    """What the command itself has imported is not held against it; a factory is called."""
    (tmp_path / "shop.py").write_text(FIRST.replace("KEY", KEY).replace("HOST", segment_server.url))
    levels = found("--app", "shop:create()", cwd=tmp_path)
    assert levels["patched-first"] == "ok"
    assert levels["reached"] == "ok"
    assert "warning" not in levels.values()


def test_patched_as_a_worker_does(tmp_path: Path) -> None:
    """`--patch` goes before the application."""
    (tmp_path / "shop.py").write_text("import requests\nfrom time import sleep")
    assert (
        found("--app", "shop", "--patch", "--no-network", cwd=tmp_path, SEGMENT_WRITE_KEY=KEY)["patched-first"] == "ok"
    )


def test_an_application_that_cannot_be_loaded(tmp_path: Path) -> None:
    """Its error is the answer."""
    (tmp_path / "shop.py").write_text("import nonsense_that_is_not_there")
    doctor("--app", "shop", code=1, cwd=tmp_path)


@pytest.mark.parametrize("app", ["shop.py", "./shop", "examples/shop.py:application"])
def test_an_application_is_named_as_import_names_it(app: str, tmp_path: Path) -> None:
    """And whoever names a file is told so."""
    assert "MODULE is as in `import`" in doctor("--app", app, code=2, cwd=tmp_path)


@pytest.mark.parametrize("arguments", [("--within", "-1"), ("--timeout", "soon"), ("--nonsense",)])
def test_a_wrong_call(arguments: tuple[str, ...]) -> None:
    """Is a usage error, 2."""
    assert "Usage" in doctor(*arguments, code=2)


def test_in_a_terminal() -> None:
    """A mark for each, and lines that hang together where the window is narrow."""
    here = Subject("here")
    fix = "put this before that and that before the other one"
    diagnosis = Diagnosis((here.ok("a", "Good"), here.error("b", "Bad [bold]", "So it is.", fix)))
    written = StringIO()
    terminal = console(written)
    terminal.width = 40
    show(diagnosis, terminal)
    assert [line.rstrip() for line in written.getvalue().splitlines()] == [
        "here",
        "  ✓ Good",
        "  ✗ Bad [bold]",
        "    So it is.",
        "    → put this before that and that",
        "      before the other one",
        "",
        "1 error, 0 warnings",
    ]
