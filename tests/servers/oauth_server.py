"""A small real token server, strict about everything that a client assertion and its form must be."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from gevent.event import Event
from servers.http_wire import Peer, Request, WireServer

CLIENT_ID = "client-1"
KEY_ID = "key-1"
SCOPE = "tracking_api:write"
FORM = {
    "grant_type": "client_credentials",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "scope": SCOPE,
}
LONGEST_LIFE = 60  # seconds of an assertion


def private_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def pem(key: Any, password: bytes | None = None) -> str:
    """A private key as PKCS #8 text."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return str(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode())


class TokenServer(WireServer):
    """Hands out token-1, token-2 … for sound assertions, and says 400 or 401 with the reason for others.

    Attributes:
        faults: what to do with the next requests in place of that, one a request: each is called with the connection.
        gate: each answer waits for it; it is open unless a test clears it.
        asked: set with each request that has come.
        life: seconds that a token lives, as `expires_in` says it.
        problems: why assertions were refused.
    """

    def __init__(self, key: rsa.RSAPrivateKey, *, clock: Callable[[], float], tls: Any = None) -> None:
        self.faults: deque[Callable[[Peer], object]] = deque()
        self.gate = Event()
        self.gate.set()
        self.asked = Event()
        self.life: object = 3600
        self.problems: list[str] = []
        self.tokens = 0
        self._key = key.public_key()
        self._clock = clock
        self._seen: set[str] = set()
        super().__init__(self._serve, tls=tls)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.server_port}"

    def _serve(self, peer: Peer) -> None:
        while request := peer.request():
            self.asked.set()
            fault = self.faults.popleft() if self.faults else None
            self.gate.wait()
            if fault:
                fault(peer)
                continue
            date = formatdate(self._clock(), usegmt=True)
            problem = self._problem_with(request)
            if problem:
                self.problems.append(problem)
                content = orjson.dumps({"error": "invalid_client", "error_description": problem})
                peer.answer(content, status="401 Unauthorized", Date=date)
            else:
                self.tokens += 1
                answer = {"access_token": f"token-{self.tokens}", "expires_in": self.life, "token_type": "Bearer"}
                peer.answer(orjson.dumps(answer), Content_Type="application/json", Date=date)

    def _problem_with(self, request: Request) -> str | None:
        """What is wrong with a request, or None."""
        if request.line != "POST /token HTTP/1.1":
            return f"no such resource: {request.line}"
        if request.headers.get("content-type") != "application/x-www-form-urlencoded":
            return "the body is no form"
        form = parse_qs(request.body.decode(), keep_blank_values=True, strict_parsing=True)
        if sorted(form) != sorted([*FORM, "client_assertion"]) or any(len(values) != 1 for values in form.values()):
            return f"fields: {sorted(form)}"
        for name, value in FORM.items():
            if form[name] != [value]:
                return f"{name} is {form[name]}"
        return self._problem_with_assertion(form["client_assertion"][0])

    def _problem_with_assertion(self, assertion: str) -> str | None:
        header = jwt.get_unverified_header(assertion)
        if header != {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}:
            return f"header: {header}"
        try:
            claims = jwt.decode(
                assertion,
                self._key,
                algorithms=["RS256"],
                audience=self.url,
                issuer=CLIENT_ID,
                options={"verify_exp": False, "verify_iat": False},  # by this server's own clock, below
            )
        except jwt.InvalidTokenError as error:
            return f"assertion: {error}"
        if sorted(claims) != ["aud", "exp", "iat", "iss", "jti", "sub"]:
            return f"claims: {sorted(claims)}"
        if claims["sub"] != CLIENT_ID:
            return "sub is not the client"
        if type(claims["iat"]) is not int or type(claims["exp"]) is not int:
            return "iat and exp are whole seconds"
        if not isinstance(claims["jti"], str) or len(claims["jti"]) < 16 or claims["jti"] in self._seen:
            return "jti is no new id"
        self._seen.add(claims["jti"])
        if claims["iat"] > self._clock():
            return "Token used before issued"
        if claims["exp"] <= self._clock():
            return "Token is expired"
        if claims["exp"] - claims["iat"] > LONGEST_LIFE:
            return "the assertion lives too long"
        return None
