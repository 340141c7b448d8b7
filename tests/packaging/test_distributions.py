"""What is published: the source distribution and the wheel, looked into, installed apart, and used as by a stranger.

Run by `tox -e package`, and the extras one by one by `tox -e extras`: both ask the package index.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from email import message_from_string
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.package

ROOT = Path(__file__).parent.parent.parent
SOURCES = ("segment_gevent", "benchmarks", "tests", "docs", "examples")
EXTRAS = {
    "celery": "import segment_gevent.contrib.celery",
    "cli": "import segment_gevent.cli.app, backports.zstd, jsonschema_rs",
    "django": "import segment_gevent.contrib.django, segment_gevent.contrib.django.middleware",
    "flask": "import segment_gevent.contrib.flask",
    "oauth": "import segment_gevent.delivery.oauth.bearer, segment_gevent.delivery.oauth.client_key, jwt, cryptography",
    "prometheus": "import segment_gevent.contrib.prometheus",
    "redis": "import segment_gevent.delivery.outbox.session, redis",
    "uwsgi": "import shutil, sys; assert shutil.which('uwsgi', path=sys.prefix + '/bin')",
}
"""What each extra is for, as a program that ends well where the extra is installed; `test` is for this repository."""


def run(*command: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> str:
    """What a command says, both streams together, if it ends well."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


class Apart:
    """An environment with a distribution in it and nothing of the repository; programs run in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        run(sys.executable, "-m", "venv", "--without-pip", folder / "env", cwd=folder)
        self.bin = folder / "env" / "bin"
        self.empty = folder / "empty"
        self.empty.mkdir()

    def install(self, *requirements: str) -> None:
        """As `pip install` in it does, and `pip check` finds nothing."""
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", self.bin / "python"]
        run(*pip, "install", "-q", "--no-compile", *requirements, cwd=self.empty)
        run(*pip, "check", cwd=self.empty)

    def python(self, *arguments: str | Path, **environment: str) -> str:
        return run(self.bin / "python", *arguments, cwd=self.empty, environment=environment)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, made by `python -m build` of a copy: the wheel from the source distribution."""
    copy = tmp_path_factory.mktemp("sources")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    for path in ROOT.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, copy)
    run(sys.executable, "-m", "build", "--outdir", copy / "dist", cwd=copy)
    return copy / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def plain(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Apart:
    """Where the wheel was installed, and no extra."""
    apart = Apart(tmp_path_factory.mktemp("plain"))
    apart.install(str(wheel))
    return apart


@pytest.fixture
def apart(tmp_path: Path) -> Apart:
    """Where nothing is installed yet."""
    return Apart(tmp_path)


def names_in(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata_of(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return message_from_string(archive.read(name).decode())


def shipped() -> Iterator[str]:
    """Every file of the package, those that are no Python too."""
    for path in (ROOT / "segment_gevent").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT).as_posix()


def test_the_index_would_take_both(built: Path) -> None:
    """twine finds nothing to say, of the long description either."""
    said = run(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir(), cwd=built)
    assert said.count("PASSED") == 2


def test_the_wheel_holds_the_package_and_its_licence(wheel: Path) -> None:
    """Every file of the package, the page's and `py.typed` included, and beside it the fixture's module alone."""
    own = {name for name in names_in(wheel) if ".dist-info/" not in name}
    assert own == {*shipped(), "pytest_segment_gevent.py"}
    assert [name for name in names_in(wheel) if ".dist-info/" in name and name.endswith("/LICENSE")]


def test_the_source_distribution_builds_and_holds_no_tests(built: Path) -> None:
    """The package, its licence and its README; the wheel was built from it, so nothing lacks."""
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {*shipped(), "LICENSE", "README.md", "setup.py", "pyproject.toml", "pytest_segment_gevent.py"} <= names
    assert {name for name in names if name.startswith(("tests", "benchmarks", "docs", "examples"))} == set()


def test_what_the_index_shows_is_true(wheel: Path) -> None:
    """The extras are those that this file tries, and no link leads to a place that there is not."""
    shown = metadata_of(wheel)
    assert set(shown.get_all("Provides-Extra") or []) == {*EXTRAS, "test"}
    assert (shown["License"] or shown["License-Expression"], shown["Requires-Python"]) == ("MIT", ">=3.10")
    assert shown.get_all("Project-URL") is None


def test_a_first_program_runs(plain: Apart) -> None:
    """The README's ten lines, where the wheel alone was installed, deliver to the local Segment that comes with it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    program = re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)[0]
    segment = subprocess.Popen(
        [plain.bin / "python", "-m", "segment_gevent.debugger", "--strict", "--port", "0", "--until-stdin-ends"],
        cwd=plain.empty,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with segment:
        assert segment.stdin is not None
        assert segment.stdout is not None
        url = segment.stdout.readline().strip()
        said = plain.python("-c", program, SEGMENT_HOST=url)
        segment.stdin.close()
    assert said == "2 delivered\n"


def test_the_command_says_what_it_lacks(plain: Apart) -> None:
    """Without its extra it says how to install the extra."""
    done = subprocess.run([plain.bin / "segment-gevent"], cwd=plain.empty, capture_output=True, text=True)
    assert (done.returncode, "pip install 'segment-gevent[cli]'" in done.stderr) == (1, True)


def test_the_command_answers(wheel: Path, apart: Apart) -> None:
    """With its extra: which version it is, and how to see it deliver."""
    apart.install(f"{wheel}[cli]")
    command = apart.bin / "segment-gevent"
    assert run(command, "--version", cwd=apart.empty) == f"segment-gevent, version {metadata_of(wheel)['Version']}\n"
    assert "no account" in run(command, "demo", "--help", cwd=apart.empty)


def test_type_checkers_find_its_types(plain: Apart) -> None:
    """mypy and pyright, strict, see of the installed package what they see here: each mistake, and no other."""
    plain.install("types-requests")
    program = plain.empty / "tests" / "typing" / "user.py"
    program.parent.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "typing" / "user.py", program)
    shutil.copy(ROOT / "pyproject.toml", plain.empty)
    python = plain.bin / "python"
    run(sys.executable, "-m", "mypy", "--python-executable", python, program, cwd=plain.empty)
    run(sys.executable, "-m", "pyright", "--pythonpath", python, cwd=plain.empty)


@pytest.mark.extras
@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_alone_is_enough(wheel: Path, apart: Apart, extra: str) -> None:
    """What the extra is for can be imported where it alone was installed, and the package works as before."""
    apart.install(f"{wheel}[{extra}]")
    apart.python("-c", EXTRAS[extra])
    apart.python("-c", "import segment_gevent; segment_gevent.Client(enabled=False).track('visitor', event='E')")


@pytest.mark.extras
def test_the_extras_go_together(wheel: Path, apart: Apart) -> None:
    """All at once are installed without a conflict, and each does what it does alone."""
    apart.install(f"{wheel}[{','.join(EXTRAS)}]")
    for program in EXTRAS.values():
        apart.python("-c", program)
