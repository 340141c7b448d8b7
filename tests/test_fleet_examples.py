"""The files of examples/fleet are of use: they parse, their commands exist, and Redis and systemd take them."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from servers.ports import free_port
from servers.program import Process
from servers.redis_server import RedisServer
from servers.requirements import lacking

from segment_gevent import Options
from segment_gevent.cli.commands.relay import relay
from segment_gevent.redis_url import parse

ROOT = Path(__file__).parent.parent
FLEET = ROOT / "examples" / "fleet"
SYSTEMD = FLEET / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
GIVEN = {"REDIS_PASSWORD": "c0ffee", "SEGMENT_WRITE_KEY": "key"}
"""What the file .env has."""


def compose() -> dict[str, Any]:
    """The services, as Compose reads the file with `GIVEN`."""
    text = (FLEET / "compose.yaml").read_text(encoding="utf-8")
    text = re.sub(r"(?<!\$)\$\{(\w+):\?[^}]*\}", lambda found: GIVEN[found[1]], text)
    services: dict[str, Any] = yaml.safe_load(text.replace("$$", "$"))["services"]
    return services


def value(unit: Path, section: str, name: str) -> str:
    """A setting of a unit; of one that is given twice the last."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters="=", comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit, encoding="utf-8")
    return parser[section][name].replace("%i", "1")


def flags(command: list[str]) -> dict[str, Any]:
    """What a command line of the relay says; its end is a usage error where a flag or a value is none."""
    program, subcommand, *rest = command
    assert (Path(program).name, subcommand) == ("segment-gevent", "relay")
    return relay.make_context("relay", rest).params


def relay_commands() -> dict[str, tuple[list[str], float]]:
    """Every command line of a relay, and how long whoever started it waits after SIGTERM."""
    service = compose()["relay"]
    found = {"compose": (service["command"], float(service["stop_grace_period"].rstrip("s")))}
    for unit in UNITS:
        command = shlex.split(value(unit, "Service", "ExecStart"))
        found[unit.name] = command, float(value(unit, "Service", "TimeoutStopSec"))
    return found


@pytest.mark.parametrize("name", ["compose", *(unit.name for unit in UNITS)])
def test_the_relays_commands_exist(name: str) -> None:
    """Their flags are the relay's, and nobody kills one before its own time to finish is over."""
    command, patience = relay_commands()[name]
    assert flags(command)["stop_within"] < patience


def test_relays_on_one_machine_listen_apart() -> None:
    """The template's instances, and the unit for one alone, each have a port of their own."""
    template = shlex.split(value(SYSTEMD / "segment-gevent-relay@.service", "Service", "ExecStart"))
    single = shlex.split(value(SYSTEMD / "segment-gevent-relay.service", "Service", "ExecStart"))
    assert (flags(template)["listen"], flags(single)["listen"]) == ("127.0.0.1:9471", "127.0.0.1:9464")


def test_the_outbox_is_one_and_the_same() -> None:
    """Application and relays have it from the environment, with the password that Redis is told."""
    services = compose()
    (outbox,) = {services[name]["environment"]["SEGMENT_OUTBOX"] for name in ("relay", "web")}
    url = parse("outbox", outbox)
    assert (url.nodes, url.password) == ((("redis", 6379),), services["redis"]["environment"]["REDIS_PASSWORD"])
    (line,) = [line for line in (FLEET / "relay.env").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    name, _, outbox = line.partition("=")
    assert name == "SEGMENT_OUTBOX"
    assert parse(name, outbox).username == "relay"


def test_the_environment_is_read_by_somebody() -> None:
    """Every variable of ours in the files is an option's."""
    known = {vars(Options)[row.name].env for row in Options.describe()}
    text = "".join(path.read_text(encoding="utf-8") for path in FLEET.rglob("*") if path.is_file())
    assert set(re.findall(r"\bSEGMENT_[A-Z_]+", text)) <= known


def test_the_health_checks_ask_for_pages_that_are_there() -> None:
    """The relay's is at the port that it listens at, on every address."""
    service = compose()["relay"]
    _, _, port = flags(service["command"])["listen"].partition(":")
    assert f"http://127.0.0.1:{port}/readyz" in service["healthcheck"]["test"][-1]
    for each in compose().values():
        program = each["healthcheck"]["test"]
        if "python" in program:
            compile(program[-1], "<health check>", "exec")


def test_redis_starts_as_in_the_container(tmp_path: Path) -> None:
    """With the configuration, and the password by standard input; full, it evicts nothing."""
    if shutil.which("redis-server") is None:
        lacking("redis-server")
    service = compose()["redis"]
    port = free_port()
    shell, flag, script = service["command"]
    script = script.replace("/etc/fleet/", f"{FLEET}/").replace("/data", f"{tmp_path} --port {port} --bind 127.0.0.1")
    with Process([shell, flag, script], service["environment"]) as process:
        process.line("[Rr]eady to accept connections")
        password = GIVEN["REDIS_PASSWORD"]
        assert password not in Path(f"/proc/{process.pid}/cmdline").read_text(encoding="utf-8")
        server = RedisServer(tmp_path)
        server.port = port
        with server.client(password=password, decode_responses=True) as client:
            found = client.config_get("maxmemory-policy", "appendonly", "appendfsync", "save")
        process.signal(15)  # which reaches Redis itself
        assert process.ended().code == 0
    assert found == {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec", "save": ""}


def test_debians_redis_starts_with_the_drop_in(tmp_path: Path) -> None:
    """Its own configuration first, and then ours, which goes over it."""
    command = shlex.split(value(SYSTEMD / "redis-server.service.d" / "fleet.conf", "Service", "ExecStart"))
    at = command.index("--include")
    assert Path(command[at + 1]).name == "fleet.conf"
    arguments = ("--appendonly", "no", "--include", str(FLEET / "redis.conf"))
    with RedisServer(tmp_path / "redis", *arguments) as server, server.client(decode_responses=True) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_gunicorn_takes_the_applications_command(tmp_path: Path) -> None:
    """Its configuration and application load, as in the image, where both are in /examples."""
    program, *rest = compose()["web"]["command"]
    rest = [each.replace("/examples", str(ROOT / "examples")) for each in rest]
    command = [sys.executable, "-m", program, "--check-config", *rest]
    with (
        RedisServer(tmp_path / "redis") as server,  # loaded, the application tracks that it is
        Process(command, {**GIVEN, "SEGMENT_OUTBOX": server.url}) as process,
    ):
        assert process.ended().code == 0
        with server.client() as client:
            assert client.xlen("segment:outbox") == 1


def test_the_image_has_what_its_commands_need() -> None:
    """What is copied exists, and the extras are the package's."""
    text = (FLEET / "Dockerfile").read_text(encoding="utf-8")
    sources = [name for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE) for name in line.split()[:-1]]
    assert [name for name in sources if not (ROOT / name).exists()] == []
    assert "/src[cli,redis]" in text


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong(unit: Path, tmp_path: Path) -> None:
    """Another program stands in for the relay's, which is not at its place here. Without systemd it is parsed alone."""
    text = unit.read_text(encoding="utf-8")
    command = value(unit, "Service", "ExecStart").split()[0]
    (tmp_path / unit.name).write_text(text.replace(command, "/bin/true"), encoding="utf-8")
    copy = tmp_path / unit.name.replace("@", "@1")
    copy.write_text(text.replace(command, "/bin/true"), encoding="utf-8")
    assert value(unit, "Unit", "Description")
    assert value(unit, "Install", "WantedBy") == "multi-user.target"
    if shutil.which("systemd-analyze") is None:
        return
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=30
    )
    said = [line for line in done.stderr.splitlines() if unit.stem.rstrip("@") in line]
    assert (done.returncode, said) == (0, [])
