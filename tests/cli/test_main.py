"""The command starts, or says what it lacks."""

import os
import subprocess
import sys

import pytest

import segment_gevent
from segment_gevent.version import __version__

ROOT = os.path.dirname(segment_gevent.__path__[0])


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": ROOT}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, env=environment)


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_its_extra_it_says_which_one_to_install(missing: str) -> None:
    """One line to copy, on stderr, and exit code 1; no traceback."""
    program = f"import sys; sys.modules[{missing!r}] = None; from segment_gevent.cli import main; sys.exit(main())"
    ended = run("-c", program)
    assert ended.returncode == 1
    assert missing in ended.stderr
    assert "pip install 'segment-gevent[cli]'" in ended.stderr
    assert ended.stdout == ""


def test_help_names_the_commands() -> None:
    """`python -m segment_gevent` is the command."""
    ended = run("-m", "segment_gevent", "--help")
    assert ended.returncode == 0
    assert "Usage: segment-gevent" in ended.stdout
    assert "demo" in ended.stdout


def test_the_version() -> None:
    """The one that the package has."""
    assert run("-m", "segment_gevent", "--version").stdout.strip().endswith(__version__)


def test_an_unknown_command_is_a_usage_error() -> None:
    """Exit code 2."""
    assert run("-m", "segment_gevent", "nothing").returncode == 2


def test_importing_the_command_needs_no_extra() -> None:
    """The entry point can be imported from the core installation, so that it can say what is missing."""
    program = "import sys; sys.modules.update(click=None, rich=None); import segment_gevent.cli"
    assert run("-c", program).returncode == 0
