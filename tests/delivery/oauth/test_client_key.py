"""The private key of an OAuth application: what is taken for one, what is refused, and what it signs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from servers.oauth_server import pem, private_key
from servers.program import ROOT

from segment_gevent.delivery.oauth.client_key import ClientKey
from segment_gevent.errors import ConfigError

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return private_key()


def signed_by(client_key: ClientKey) -> str:
    return client_key.assertion(client_id="client", key_id="key", audience="https://a", jti="1", now=1_000_000.9)


def pkcs1(key: rsa.RSAPrivateKey) -> str:
    """The older PEM form, that `openssl genrsa` wrote for long."""
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def test_an_assertion_says_who_to_whom_and_for_how_long(key: rsa.RSAPrivateKey) -> None:
    """A minute from five seconds ago, in whole seconds, signed with RS256 and named after the key."""
    assertion = signed_by(ClientKey(pem(key)))
    assert jwt.get_unverified_header(assertion) == {"alg": "RS256", "typ": "JWT", "kid": "key"}
    claims = jwt.decode(
        assertion, key.public_key(), algorithms=["RS256"], audience="https://a", options={"verify_exp": False}
    )
    assert claims == {
        "iss": "client",
        "sub": "client",
        "aud": "https://a",
        "jti": "1",
        "iat": 999_995,
        "exp": 1_000_055,
    }


def test_a_key_is_taken_in_every_usual_form(key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    """PKCS #8 or PKCS #1, as text, as text from an environment variable, or as the path of a file."""
    file = tmp_path / "key.pem"
    file.write_text(pem(key))
    given = [pem(key), pkcs1(key), pem(key).replace("\n", "\\n"), "\n" + pem(key) + "\n", file, str(file)]
    assert len({signed_by(ClientKey(each)) for each in given}) == 1


def test_a_file_is_read_once(key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    """A process that gives up its rights after the start goes on signing."""
    file = tmp_path / "key.pem"
    file.write_text(pem(key))
    client_key = ClientKey(file)
    file.unlink()
    assert signed_by(client_key)


def refused() -> dict[str, object]:
    """What is no key, each with a word that must stand in the error."""
    sound = pem(private_key())
    body = "".join(sound.splitlines()[1:-1])
    public = private_key().public_key()
    return {
        "encrypted": pem(private_key(), password=b"secret"),
        "damaged": sound[:400] + sound[410:],
        "cut short": sound[: len(sound) // 2],
        "public": public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode(),
        "without its frame": body,
        "elliptic": pem(ec.generate_private_key(ec.SECP256R1())),
        "Edwards": pem(ed25519.Ed25519PrivateKey.generate()),
        "small": pem(private_key(1024)),
        "empty": "",
        "null": "a\0b",
        "missing file": "/nowhere/key.pem",
        "folder": Path("/"),
    }


@pytest.mark.parametrize(("what", "given"), refused().items(), ids=refused())
def test_what_is_no_rsa_key_is_refused(what: str, given: str | Path) -> None:
    """With the option's name, and with nothing of what was given: it may be the key in the wrong place."""
    with pytest.raises(ConfigError, match="oauth_client_key") as caught:
        ClientKey(given)
    shown = [str(given)] if what in ("missing file", "null", "folder") else str(given).splitlines()
    assert not [line for line in shown if len(line) > 1 and line in str(caught.value)]
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("what", "word"), [("encrypted", "encrypted"), ("elliptic", "RSA"), ("small", "1024 bits"), ("folder", "directory")]
)
def test_an_error_says_what_is_wrong(what: str, word: str) -> None:
    """Where it can be told."""
    with pytest.raises(ConfigError, match=word):
        ClientKey(refused()[what])  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [None, 7, b"bytes", ["list"]])
def test_a_value_of_another_type_is_named_by_its_type(given: object) -> None:
    """Not by itself."""
    with pytest.raises(ConfigError, match=type(given).__name__):
        ClientKey(given)  # type: ignore[arg-type]


def test_a_key_does_not_show_itself(key: rsa.RSAPrivateKey) -> None:
    """Its size will do."""
    assert repr(ClientKey(pem(key))) == str(ClientKey(pem(key))) == "ClientKey(2048 bits)"


def run(code: str, *arguments: str) -> str:
    return subprocess.check_output([sys.executable, "-c", code, *arguments], text=True, env=ENVIRONMENT).strip()


def test_reading_a_key_loads_no_ssl(key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    """An application that patches after it made a client keeps its own HTTPS; and importing loads no library at all."""
    file = tmp_path / "key.pem"
    file.write_text(pem(key))
    code = (
        "import sys, segment_gevent.delivery.oauth.token_source as oauth\n"
        "assert not {'ssl', 'requests', 'cryptography', 'jwt'} & set(sys.modules)\n"
        "oauth.TokenSource(client_id='c', client_key=sys.argv[1], key_id='k', post=print)\n"
        "print([name for name in ('ssl', 'requests', 'urllib3', 'jwt') if name in sys.modules])"
    )
    assert run(code, str(file)) == "[]"


@pytest.mark.parametrize("missing", ["jwt", "cryptography"])
def test_without_its_libraries_the_extra_is_named(missing: str) -> None:
    """At once, where the client is made."""
    code = (
        "import sys\n"
        "class NotInstalled:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == sys.argv[1]: raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, NotInstalled)\n"
        "from segment_gevent.delivery.oauth.client_key import ClientKey\n"
        "try: ClientKey('key.pem')\n"
        "except ValueError as error: print(error)"
    )
    assert "pip install 'segment-gevent[oauth]'" in run(code, missing)
