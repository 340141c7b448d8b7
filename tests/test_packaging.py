"""What the package promises to installers, and that it is what the tests run with."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import entry_points, requires
from pathlib import Path

import pytest

import segment_gevent

ROOT = Path(segment_gevent.__file__).parent.parent


def bounds(lines: list[str], operator: str) -> dict[str, str]:
    """The version after `operator` of each requirement that has one, by the project's name."""
    found = (re.match(rf"([\w.-]+)(?:\[\w+\])? ?{operator} ?([\w.]+)", line.strip()) for line in lines)
    return {match[1]: match[2] for match in found if match}


def test_the_lowest_versions_are_the_ones_tested() -> None:
    """The environment `lowest` pins exactly the bounds that an installation honours, those of its extras included."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    of_users = [line for line in requires("segment-gevent") or [] if 'extra == "test"' not in line]
    promised = bounds(of_users, ">=")
    tested = bounds(tox["testenv:lowest"]["deps"].splitlines(), "==")
    assert {name: _numbers(version) for name, version in tested.items()} == {
        name: _numbers(version) for name, version in promised.items()
    }


def _numbers(version: str) -> list[int]:
    numbers = [int(part) for part in version.split(".")]
    return [*numbers, *[0] * (3 - len(numbers))]


def test_every_dependency_has_a_lowest_version() -> None:
    """A dependency without a bound would be tested in its newest version only."""
    of_users = [line for line in requires("segment-gevent") or [] if "extra ==" not in line]
    assert [line for line in of_users if ">=" not in line] == []


def test_the_command_is_installed() -> None:
    """`segment-gevent` and `python -m segment_gevent` are the same function."""
    (command,) = entry_points(group="console_scripts", name="segment-gevent")
    assert command.value == "segment_gevent.cli:main"


def test_type_checkers_are_told_to_look() -> None:
    """The package ships its types."""
    assert (Path(segment_gevent.__file__).parent / "py.typed").exists()


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of what is built from, since a build leaves files behind."""
    copy = tmp_path / "sources"
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in ("segment_gevent", "benchmarks", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignore)
    for file in ("setup.py", "pytest_segment_gevent.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, copy)
    return copy


def setup(sources: Path, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "setup.py", "-q", *arguments], cwd=sources, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_wheel_holds_the_package_alone(sources: Path, tmp_path: Path) -> None:
    """Its benchmarks and tests would be modules of those names in everybody's site-packages."""
    setup(sources, "build", "--build-lib", str(tmp_path / "built"))  # a wheel is this and its metadata
    assert {path.name for path in (tmp_path / "built").iterdir()} == {"segment_gevent", "pytest_segment_gevent.py"}
    assert (tmp_path / "built" / "segment_gevent" / "py.typed").exists()


def test_a_wheel_holds_the_page(sources: Path, tmp_path: Path) -> None:
    """The local Segment's, built: whoever installs it has no node, and perhaps no network."""
    setup(sources, "build", "--build-lib", str(tmp_path / "built"))
    page = ROOT / "segment_gevent" / "debugger" / "page"
    shipped = tmp_path / "built" / "segment_gevent" / "debugger" / "page"
    files = {path.relative_to(page) for path in page.rglob("*") if path.is_file()}
    assert Path("index.html") in files
    assert {path.relative_to(shipped) for path in shipped.rglob("*") if path.is_file()} == files


def test_a_source_distribution_holds_no_benchmarks_and_no_part_of_the_tests(sources: Path, tmp_path: Path) -> None:
    """setuptools adds `tests/test*.py` by itself, which are of no use without the servers that they send to."""
    setup(sources, "sdist", "--dist-dir", str(tmp_path / "built"))
    (archive,) = (tmp_path / "built").iterdir()
    with tarfile.open(archive) as tar:
        parts = [Path(name).parts for name in tar.getnames()]
    folders = {each[1] for each in parts if len(each) > 2}
    assert {folder for folder in folders if not folder.endswith(".egg-info")} == {"segment_gevent"}
