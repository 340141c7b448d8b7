"""Where the doctor's facts come from: modules, options, the environment, files."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest
from servers.oauth_server import pem, private_key
from servers.spool_command import leave

from segment_gevent import Options
from segment_gevent.diagnosis.examination import usable
from segment_gevent.diagnosis.gathering import disk, versions, ways
from segment_gevent.diagnosis.gathering.patching import takers

SECRET = "Wz7abcdefghijklmnopqrstuvwxyz012"


def module(name: str, **values: object) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(values)
    return made


def test_who_holds_an_original_is_found_by_the_object() -> None:
    """Under whatever name, and not what has the same name by chance; an alias of a module is no second one."""
    sleep, context = object(), type("SSLContext", (), {})
    saved = {"time": {"sleep": sleep}, "ssl": {"SSLContext": context}}
    of_urllib3 = module("urllib3.util.ssl_", SSLContext=context)
    modules = {
        "shop.stock": module("shop.stock", pause=sleep),
        "shop.clock": module("shop.clock", sleep=object()),
        "urllib3.util.ssl_": of_urllib3,
        "requests.packages.urllib3.util.ssl_": of_urllib3,
        "asyncio.base_events": module("asyncio.base_events", sleep=sleep),
        "gevent.monkey": module("gevent.monkey", sleep=sleep),
    }
    assert takers(saved, modules) == {"time.sleep": ("shop.stock",), "ssl.SSLContext": ("urllib3.util.ssl_",)}
    assert takers({}, modules) == {}


PLACEHOLDERS = ["YOUR_WRITE_KEY", "<write key>", "changeme", "xxxxxxxx", "${SEGMENT_WRITE_KEY}", "WRITE_KEY", "todo"]


@pytest.mark.parametrize("key", PLACEHOLDERS)
def test_placeholders_are_known(key: str) -> None:
    """As READMEs and templates have them."""
    assert ways.key(Options(key.replace(" ", "-")), {}, is_needed=True).is_placeholder


def test_a_key_of_segments_shape() -> None:
    """Is no placeholder, and of it only the first characters are kept."""
    facts = ways.key(Options(SECRET), {"SEGMENT_WRITE_KEY": "another"}, is_needed=True)
    assert (facts.length, facts.is_alphanumeric, facts.is_placeholder, facts.is_quoted) == (32, True, False, False)
    assert facts.differs_from_environment
    assert facts.masked == "Wz7…"
    assert SECRET[3:] not in repr(facts)
    assert ways.key(Options(f'"{SECRET}"'), {}, is_needed=True).is_quoted


def test_proxies_lose_their_passwords() -> None:
    """Those of the environment and those of the option."""
    environment = {"HTTPS_PROXY": "http://ilya:secret@proxy:3128", "no_proxy": "localhost"}
    facts = ways.proxies(Options("key", proxies={"https": "ilya:secret@other:1"}), environment)
    assert facts.variables == {"HTTPS_PROXY": "http://***@proxy:3128"}
    assert facts.given == {"https": "***@other:1"}
    assert "secret" not in repr(facts)
    for password in ("sec/ret", "sec ret", "sec@ret", "sec\nret"):
        assert ways.masked_url(f"http://ilya:{password}@proxy:3128") == "http://***@proxy:3128"


def test_the_bundle_in_use(tmp_path: Path, ca_bundle: Path) -> None:
    """The option's, else requests' variables, else certifi's; and what does not exist."""
    nothing = str(tmp_path / "nothing.pem")
    environment = {"REQUESTS_CA_BUNDLE": nothing, "SSL_CERT_FILE": nothing, "SSL_CERT_DIR": str(tmp_path)}
    facts = ways.trust(Options("key"), environment)
    assert (facts.source, facts.bundle, facts.problem) == ("REQUESTS_CA_BUNDLE", nothing, "No such file or directory")
    assert facts.missing == ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    assert set(facts.elsewhere) == {"SSL_CERT_FILE", "SSL_CERT_DIR"}
    facts = ways.trust(Options("key", verify=ca_bundle), environment)
    assert (facts.source, facts.problem, facts.certificates) == ("verify", "", 1)
    facts = ways.trust(Options("key"), {})
    assert facts.source == "certifi"
    assert (facts.certificates or 0) > 50
    assert ways.trust(Options("key", verify=tmp_path), {}).problem == "the directory is empty"
    (tmp_path / "text.pem").write_text("no certificate")
    assert "no certificate" in ways.trust(Options("key", verify=tmp_path / "text.pem"), {}).problem


def test_a_spool_is_looked_at_and_not_made(tmp_path: Path) -> None:
    """Neither the directory nor a file in it."""
    path = tmp_path / "deep" / "spool"
    facts = disk.spool(Options("key", spool_dir=path), opens_files=True)
    assert facts is not None
    assert (facts.exists, facts.is_directory, facts.is_writable, facts.problem) == (False, True, True, "")
    assert facts.free > 0
    assert os.listdir(tmp_path) == []
    assert disk.spool(Options("key"), opens_files=True) is None


def test_a_spool_that_may_not_be_looked_for(tmp_path: Path) -> None:
    """Below a directory of somebody else's: that is the finding, and no error of the look itself."""
    (tmp_path / "theirs").mkdir(mode=0)
    user = os.geteuid()
    os.seteuid(user or 65_534)
    try:
        facts = disk.spool(Options("key", spool_dir=tmp_path / "theirs" / "spool"), opens_files=True)
    finally:
        os.seteuid(user)
    assert facts is not None
    assert "Permission denied" in facts.problem


def test_a_spool_that_is_a_file(tmp_path: Path) -> None:
    """Or below one: then nothing can be made there."""
    file = tmp_path / "spool"
    file.write_text("")
    facts = disk.spool(Options("key", spool_dir=file), opens_files=True)
    assert facts is not None
    assert not facts.is_directory
    below = disk.spool(Options("key", spool_dir=file / "below"), opens_files=True)
    assert below is not None
    assert not below.is_directory or not below.is_writable or below.problem


def test_files_of_dead_processes_are_counted(tmp_path: Path) -> None:
    """In the command; an application's hub is not held up for it."""
    directory = str(tmp_path / "spool")
    leave(directory, "1", "2")
    facts = disk.spool(Options("key", spool_dir=directory), opens_files=True)
    assert facts is not None
    assert facts.files is not None
    assert (facts.files.left, facts.files.left_messages, facts.files.broken) == (1, 2, 0)
    assert facts.files.left_age >= 0
    unopened = disk.spool(Options("key", spool_dir=directory), opens_files=False)
    assert unopened is not None
    assert unopened.files is None
    assert unopened.used > 0


def test_the_oauth_key(tmp_path: Path) -> None:
    """Read as the client reads it; with its file's rights."""
    path = tmp_path / "key.pem"
    given = {"oauth_client_id": "id", "oauth_key_id": "k", "oauth_client_key": str(path)}
    assert "cannot be read" in str(disk.oauth(Options("key", **given)))
    path.write_text(pem(private_key()))
    path.chmod(0o644)
    facts = disk.oauth(Options("key", **given))
    assert facts is not None
    assert (facts.problem, facts.is_open_to_others) == ("", True)
    path.chmod(0o600)
    assert not getattr(disk.oauth(Options("key", **given)), "is_open_to_others", True)
    assert disk.oauth(Options("key")) is None


def test_the_bounds_are_those_of_the_metadata() -> None:
    """So that they stand in setup.py alone."""
    facts = versions.versions()
    assert facts.lowest["urllib3"] == "2.0.2"
    assert facts.installed["gevent"]


def test_options_that_raise_are_left_out_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others serve, so that all that is wrong is found at once."""
    monkeypatch.delenv("SEGMENT_WRITE_KEY", raising=False)
    monkeypatch.setenv("SEGMENT_HOST", "nonsense")
    monkeypatch.setenv("SEGMENT_OUTBOX", "nonsense")
    options, problem, refused = usable({"api_key": SECRET, "host": "https://events.example", "gzip": "yes"})
    assert (options.host, options.api_key, options.gzip) == ("https://events.example", SECRET, False)
    assert problem.startswith("gzip must be")
    assert refused == {"gzip", "outbox"}
    monkeypatch.setenv("SEGMENT_WRITE_KEY", SECRET)
    options, problem, refused = usable({"flush_at": 7})
    assert "host must be" in problem
    assert (options.host, options.api_key, options.flush_at) == ("https://api.segment.io", SECRET, 7)
    assert refused == {"host", "outbox"}
