"""The private key of an OAuth application, and the statement it signs: that a token request comes from its owner.

Reading a key parses and checks it, which takes 28 ms of CPU for 2,048 bits and 200 ms for 4,096, with the GIL held: no
thread makes that harmless, so it is done where the application starts, and a key that is no good is refused there.
cryptography, which does it, loads no ssl. PyJWT does, and so it is imported at the first signature, like requests.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from segment_gevent.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

LEAST_BITS = 2048
"""RFC 7518, section 3.3: a key of this size or larger MUST be used with RS256."""

LIFETIME = 60
"""Seconds from an assertion's `iat` to its `exp`, as Segment asks and its own libraries have it."""

CLOCK_LEEWAY = 5
"""Seconds that `iat` lies in the past, so that a server whose clock is a little behind does not call it the future."""

_FILE_LIMIT = 65_536  # bytes; a key of 16,384 bits has 13,000


class ClientKey:
    """An RSA private key that signs client assertions. It shows itself nowhere: not in `repr`, errors or logs.

    Safe to share between threads, clients and, made before a fork, with the children.

    Args:
        given: the key as PEM text (PKCS #8 or PKCS #1, not encrypted), or the path of a file with it, read here and
            now. Text in which line ends are written as `\\n`, as environment variables often have them, will do.

    Raises:
        ConfigError: the extra `oauth` is not installed; or `given` is no such key. The text shows nothing of it.
    """

    __slots__ = ("_key",)

    def __init__(self, given: str | os.PathLike[str]) -> None:
        _require("cryptography")
        _require("jwt")
        self._key = _parse(_pem(given))

    def __repr__(self) -> str:
        return f"ClientKey({self._key.key_size} bits)"

    def load(self) -> None:
        """Import PyJWT: some 70 ms of stall, once a process, better had before a request waits."""
        import jwt  # noqa: F401

    def assertion(self, *, client_id: str, key_id: str, audience: str, jti: str, now: float) -> str:
        """The signed statement (a JWT, RS256) that whoever holds it is `client_id`: to `audience`, once, for a minute.

        Signing is CPU and lets go of the GIL meanwhile: 0.2 ms for 2,048 bits, 1.3 to 2.3 ms for 4,096.

        Args:
            key_id: by which the server knows the public key.
            audience: the token server's address, with no slash at its end.
            jti: an id that no other assertion has.
            now: Unix time, seconds.
        """
        import jwt

        issued = int(now) - CLOCK_LEEWAY
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "jti": jti,
            "iat": issued,
            "exp": issued + LIFETIME,
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": key_id})


def _require(module: str) -> None:
    """Look for `module` without importing it."""
    try:
        is_there = find_spec(module) is not None
    except (ImportError, ValueError):
        is_there = False
    if not is_there:
        raise ConfigError("oauth_client_key needs the extra `oauth`: pip install 'segment-gevent[oauth]'")


def _pem(given: str | os.PathLike[str]) -> bytes:
    if not isinstance(given, str | os.PathLike):
        raise ConfigError(
            f"oauth_client_key must be a PEM private key or the path of one, both strings, not {type(given).__name__}"
        )
    if isinstance(given, str) and "-----BEGIN" in given:
        return given.replace("\\n", "\n").encode(errors="replace")
    try:
        with open(given, "rb") as file:
            return file.read(_FILE_LIMIT)
    except OSError as error:
        # Its text would have the path, which is the key itself where someone gave that without its PEM frame.
        problem = error.strerror or type(error).__name__
    except ValueError:  # a null character
        problem = "no such path"
    raise ConfigError(f"oauth_client_key is no PEM text, and as a file it cannot be read: {problem}")


def _parse(pem: bytes) -> RSAPrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise ConfigError("oauth_client_key is encrypted: a key without a pass phrase is needed") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError("oauth_client_key holds no private key in PEM form, or a damaged one") from None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError("oauth_client_key must be an RSA key: RS256 is what the token server takes")
    if key.key_size < LEAST_BITS:
        raise ConfigError(f"oauth_client_key has {key.key_size} bits; RS256 takes no less than {LEAST_BITS}")
    return key
