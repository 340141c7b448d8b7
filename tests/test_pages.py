"""What the pages name exists: commands and their flags, options and other names, files, extras, tox's environments."""

from __future__ import annotations

import ast
import configparser
import importlib
import inspect
import pkgutil
import re
import shlex
from collections.abc import Iterator
from importlib.metadata import metadata
from pathlib import Path
from types import ModuleType

import click
import pytest
from pages import PAGES, ROOT, blocks, in_code, name_of

import segment_gevent
from segment_gevent.cli.app import commands

PACKAGE = ROOT / "segment_gevent"
OF_MAINTAINERS = {"ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"}
OF_USERS = [page for page in PAGES if page.name not in OF_MAINTAINERS]

# Names and flags of others: servers, tools, other libraries, OAuth servers' answers, the web's cookies and parameters.
FOREIGN_NAMES = {
    *("ajs_anonymous_id", "utm_source", "user_agent"),
    *("distinct_id", "group_identify", "visitor_id", "oauth_manager"),
    *("invalid_client", "invalid_request", "invalid_scope", "tracking_api"),
    *("aof_delayed_fsync", "max_requests", "on_start", "pkg_resources", "status_code"),
    *("plan", "total", "uid", "uuid", "disabled", "flush_att"),
}
FOREIGN_FLAGS = {
    *("--preload", "--max-requests", "--lazy-apps", "--gevent", "--pool", "--headless", "--users", "--run-time"),
    "--stop-timeout",
    *("--quick", "--only", "--help"),
}


def commands_of(page: Path) -> Iterator[list[str]]:
    """The words of each `segment-gevent …` that a page shows, in a block or a line."""
    shown = [
        line for language in ("bash", "console") for block in blocks(page, language) for line in block.splitlines()
    ]
    for line in [*shown, *in_code(page)]:
        found = re.search(r"(?:^|[\s/&])segment-gevent (.*)", line)
        if found and "install" not in line[: found.start()].split("&&")[-1]:
            words = shlex.split(found[1].replace("…", ""), comments=True)
            yield words[: next((place for place, word in enumerate(words) if word in {"|", "&&", ">", "&"}), None)]


def flags_of(command: click.Command) -> set[str]:
    return {
        flag for each in command.params if isinstance(each, click.Option) for flag in (*each.opts, *each.secondary_opts)
    }


def every_command(group: click.Group = commands) -> Iterator[click.Command]:
    yield group
    for command in group.commands.values():
        yield from every_command(command) if isinstance(command, click.Group) else [command]


@pytest.mark.parametrize("page", [page for page in PAGES if any(commands_of(page))], ids=name_of)
def test_commands_exist(page: Path) -> None:
    """Every command is one of `segment-gevent`'s, and takes the flags that it is shown with."""
    for words in commands_of(page):
        command: click.Command = commands
        arguments = list(words)
        while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
            assert arguments[0] in command.commands, words
            command = command.commands[arguments.pop(0)]
        given = {word.partition("=")[0] for word in arguments if word.startswith("--")}
        assert given <= flags_of(command) | {"--help"}, words


@pytest.mark.parametrize("page", OF_USERS, ids=name_of)
def test_flags_exist(page: Path) -> None:
    """Every flag that the text names is one of a command of ours, or a known one of another program."""
    known = {flag for command in every_command() for flag in flags_of(command)} | FOREIGN_FLAGS
    known |= set(re.findall(r'"(--[\w-]+)"', (PACKAGE / "debugger" / "__main__.py").read_text(encoding="utf-8")))
    named = {flag for code in in_code(page) for flag in re.findall(r"(?:^|\s)(--[a-z][\w-]*)", code)}
    assert named - known == set()


def public_modules() -> Iterator[ModuleType]:
    """The modules that docs/versioning.md calls public: they say by `__all__` what is."""
    yield segment_gevent
    for found in pkgutil.walk_packages(segment_gevent.__path__, "segment_gevent."):
        if found.name.split(".")[1] in {"analytics", "contrib", "testing"}:
            module = importlib.import_module(found.name)
            if hasattr(module, "__all__"):
                yield module


def names_of(thing: object) -> Iterator[str]:
    """What can be written after its dot or within its brackets, two levels deep."""
    for name in dir(thing):
        yield name
        member = getattr(thing, name, None)
        if callable(member) and not name.startswith("__"):
            yield from parameters_of(member)
            if inspect.isclass(member):
                yield from getattr(member, "__dataclass_fields__", ())
                for inner in vars(member):
                    yield inner
                    yield from parameters_of(getattr(member, inner, None))


def parameters_of(function: object) -> Iterator[str]:
    try:
        yield from inspect.signature(function).parameters  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return


def strings() -> Iterator[str]:
    """The package's strings, docstrings aside: reasons, settings, metrics, headers, what the log says."""
    for path in [*PACKAGE.rglob("*.py"), ROOT / "pytest_segment_gevent.py"]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                yield node.value


@pytest.fixture(scope="module")
def names() -> set[str]:
    """Every name that a user may meet."""
    found = {path.stem for path in PACKAGE.rglob("*") if not path.name.startswith("_")} | {"segment_gevent"}
    found |= {name for module in public_modules() for name in names_of(module)}
    return found | {word for text in strings() for word in re.findall(r"\w+", text)} | {"segment_events"}


@pytest.mark.parametrize("page", OF_USERS, ids=name_of)
def test_names_exist(page: Path, names: set[str]) -> None:
    """Every `name_of_two_words` is an option, an argument, a call, an attribute, a reason or a metric of ours."""
    word = re.compile(r"(?<![\w.:\-/$])([a-z]+(?:_[a-z0-9]+)+)(?![\w/\-]|\.py)")
    named = {found.removesuffix("_total") for code in in_code(page) for found in word.findall(code)}
    assert {name for name in named - names - FOREIGN_NAMES if f"{name}_total" not in names} == set()


def test_the_reference_has_every_public_name() -> None:
    """Each name in an `__all__` is on the page of the API, but the drop-in's functions, which are methods there."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    shown = {name.rpartition(".")[2] for name in re.findall(r"^\.\. (?:auto)?\w+:: ([\w.]+)$", page, re.MULTILINE)}
    public = {name for each in public_modules() if each.__name__ != "segment_gevent.analytics" for name in each.__all__}
    assert public - shown == {"__version__"}


@pytest.mark.parametrize("page", OF_USERS, ids=name_of)
def test_arguments_exist(page: Path, names: set[str]) -> None:
    """Every `name=value` is an option or an argument of a call of ours."""
    named = {match[1] for code in in_code(page) if (match := re.match(r"([a-z]+(?:_[a-z]+)*)=", code))}
    assert named - names - FOREIGN_NAMES == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_exist(page: Path) -> None:
    """Every file of the repository that a page names by its path is there, and so is every file by its name alone."""
    paths = {path for code in in_code(page) for path in re.findall(r"(?<![\w/.~-])((?:\w+/)+[\w-]*(?:\.\w+)?)", code)}
    ours = {path for path in paths if (ROOT / path.partition("/")[0]).is_dir()}
    assert {path for path in ours if not (ROOT / path).exists() and not (PACKAGE / path).exists()} == set()
    tests = {name for code in in_code(page) for name in re.findall(r"(?:\w+/)*test_\w+\.py", code)}
    assert {name for name in tests if not any((ROOT / "tests").rglob(name.removeprefix("tests/")))} == set()
    if page.name in OF_MAINTAINERS:
        modules = {
            path.name for folder in ("segment_gevent", "tests", "docs") for path in (ROOT / folder).rglob("*.py")
        }
        named = {name for code in in_code(page) for name in re.findall(r"(?<![\w/.*])(\w+\.py)\b", code)}
        assert named - modules - {path.name for path in ROOT.glob("*.py")} - {"manage.py"} == set()


def test_the_map_names_files_that_exist() -> None:
    """The architecture's map of the package has no file that is gone, in the folder where it shows it."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```\n(segment_gevent/\n.*?)```", text, re.DOTALL)
    folders, folder, missing = {2: PACKAGE}, PACKAGE, []
    for line in shown.splitlines()[1:]:
        indent = len(line) - len(line.lstrip())
        if indent in folders and (found := re.match(r" +(\w+)/ ", line)):
            folders[indent + 2] = folders[indent] / found[1]
            folder = folders[indent + 2]
        elif re.match(r" +\w+\.py ", line) and indent in folders:
            folder = folders[indent]
        missing += [name for name in re.findall(r"\b\w+\.py\b", line) if not (folder / name).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_extras_and_environments_exist(page: Path) -> None:
    """Every `segment-gevent[extra]` is an extra, every `tox -e` an environment, every `-m` of pytest a marker."""
    text = page.read_text(encoding="utf-8")
    extras = {extra for found in re.findall(r"(?:segment-gevent|\.)\[([\w,]+)\]", text) for extra in found.split(",")}
    assert extras <= set(metadata("segment-gevent").get_all("Provides-Extra") or [])
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    known = {name.removeprefix("testenv:") for name in tox.sections()} | set(tox["tox"]["env_list"].split(", "))
    assert {name for found in re.findall(r"tox -e ([\w,]+)", text) for name in found.split(",")} <= known
    markers = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for found in re.findall(r'pytest -m "?((?:not )?\w+)', text):
        assert f'"{found.removeprefix("not ")}: ' in markers, found


def test_lines_of_the_log_are_the_logs_own() -> None:
    """Each line that the page of symptoms quotes is what the package says, between the places where it fills in."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    table = page.partition("| line | what to do |")[2].partition("\n\n")[0]
    lines = re.findall(r"^\| `(.*?)`", table, re.MULTILINE)
    said = "\n".join(strings())
    parts = [part for line in lines for part in re.split(r"\s?…\s?|: ", line) if len(part) > 2]
    assert len(lines) > 10
    assert [part for part in parts if part.strip() not in said] == []
