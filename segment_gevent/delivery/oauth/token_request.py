"""One request for an access token: the signed assertion, the form, and what the token server's answer means."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import urlencode

import orjson
from gevent import Timeout, get_hub

from segment_gevent.delivery import retry
from segment_gevent.delivery.answers import server_clock
from segment_gevent.delivery.oauth.client_key import CLOCK_LEEWAY, ClientKey
from segment_gevent.errors import DeliveryError
from segment_gevent.version import __version__

if TYPE_CHECKING:
    import requests

Post: TypeAlias = "Callable[[str, bytes, Mapping[str, str]], requests.Response]"

LONGEST_ATTEMPT = 10.0
"""Seconds for one request, as in Segment's own library for Node."""

UNKNOWN_LIFE = 60.0
"""Seconds that a token lasts when the server names no sensible `expires_in`, as in Segment's library for Python."""

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*", re.ASCII)
"""RFC 6750, section 2.1: what a Bearer header can carry. A line end would begin a header of the server's choice."""

_ERROR_CODE = re.compile(r"[a-z_]{1,40}", re.ASCII)
"""The codes of RFC 6749, section 5.2. Other text could be an echo of what was sent, and is not shown."""

_FORM = {
    "grant_type": "client_credentials",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
}
_HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": f"segment-gevent/{__version__}",
}


def token_url(auth_server: str) -> str:
    """Where an authorization server hands out tokens.

    >>> token_url("https://oauth2.segment.io/")
    'https://oauth2.segment.io/token'
    """
    return f"{auth_server.rstrip('/')}/token"


class Application(NamedTuple):
    """The OAuth application that asks, and what for."""

    client_id: str
    key: ClientKey
    key_id: str
    scope: str


class Grant:
    """A token and its life: born when it was asked for, in monotonic seconds, so that a slow answer shortens it."""

    __slots__ = ("born", "life", "token")

    def __init__(self, token: str, *, born: float, life: float) -> None:
        self.token = token
        self.born = born
        self.life = life


class TokenRequests:
    """Asks one token server for one application."""

    def __init__(
        self,
        application: Application,
        auth_server: str,
        *,
        post: Post,
        now: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self.url = token_url(auth_server)
        self._application = application
        self._audience = auth_server.rstrip("/")
        self._post = post
        self._now = now
        self._wall_clock = wall_clock
        self._ahead = 0.0  # seconds by which the server's clock is ahead of ours; asked only when it refuses our time

    def send(self, deadline: float) -> Grant:
        """Ask once, or twice where a wrong clock of ours was to blame. Switches.

        Raises:
            DeliveryError: no token was given, with the reason `"oauth"`; its `response` is the answer that refused it.
        """
        born, response = self._exchange(deadline)
        if response.status_code in (400, 401) and self._learns_time(response):
            born, response = self._exchange(deadline)
        if not retry.is_delivered(response.status_code):
            code = _decoded(response).get("error")
            why = f" ({code})" if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""
            raise self.failure(f"the token server answered {response.status_code}{why}", response)
        answer = _decoded(response)
        token = answer.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            # Without the response: it may well hold a token, under another name.
            raise self.failure("the token server's answer has no access_token that can be sent")
        return Grant(token, born=born, life=_life(answer.get("expires_in")))

    def failure(self, problem: str, response: requests.Response | None = None) -> DeliveryError:
        """The error that there is no token because of `problem`."""
        return DeliveryError(f"no token: {self.url}: {problem}", reason="oauth", response=response)

    def _exchange(self, deadline: float) -> tuple[float, requests.Response]:
        """POST a new assertion: when that was, and the answer."""
        scope = self._application.scope
        seconds = min(LONGEST_ATTEMPT, deadline - self._now())
        if seconds <= 0:
            raise self.failure("no time is left to ask")
        limit = Timeout.start_new(seconds)
        try:
            form = urlencode({**_FORM, "client_assertion": self._signed(), "scope": scope}).encode()
            return self._now(), self._posted(form)
        except Timeout as expired:
            if expired is not limit:
                raise  # the caller's own
            raise self.failure(f"no answer within {seconds:.3g} s") from expired
        finally:
            limit.close()

    def _posted(self, form: bytes) -> requests.Response:
        try:
            return self._post(self.url, form, _HEADERS)
        except DeliveryError as error:
            raise DeliveryError(f"no token: {error}", reason="oauth") from error  # its text begins with the URL
        except Exception as error:
            raise self.failure(f"the request raised {type(error).__name__}") from error

    def _signed(self) -> str:
        """A new assertion, signed off the hub."""
        application = self._application

        def sign() -> str | Exception:
            try:
                return application.key.assertion(
                    client_id=application.client_id,
                    key_id=application.key_id,
                    audience=self._audience,
                    jti=os.urandom(16).hex(),
                    now=self._wall_clock() + self._ahead,
                )
            except Exception as error:
                return error  # raised in the threadpool, it would be printed to stderr

        signed: str | Exception
        try:
            application.key.load()  # here: an import in the threadpool could wait for one that this thread is in
            signed = get_hub().threadpool.apply(sign)
        except ImportError as error:
            signed = error
        except RuntimeError:  # an interpreter that is going down starts no native thread
            signed = sign()
        if isinstance(signed, Exception):
            raise self.failure(f"signing the assertion raised {type(signed).__name__}") from signed
        return signed

    def _learns_time(self, response: requests.Response) -> bool:
        """Whether the refused assertion was stamped by a clock unlike the server's; the next has the server's time."""
        served = server_clock(response.headers)
        if served is None:
            return False
        ahead = served - self._wall_clock()
        if abs(ahead - self._ahead) <= CLOCK_LEEWAY:
            return False
        self._ahead = ahead
        return True


def _decoded(response: requests.Response) -> dict[str, object]:
    """The answer's JSON object, an empty one if it is none."""
    try:
        answer = orjson.loads(response.content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _life(expires_in: object) -> float:
    """Seconds; some servers write them as a string."""
    try:
        life = float(expires_in)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return UNKNOWN_LIFE
    return life if 0 < life < math.inf else UNKNOWN_LIFE
