"""What proves to the server who sends: the write key, or an access token under OAuth."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Protocol

from gevent.event import Event

from segment_gevent.delivery import lifecycle
from segment_gevent.delivery.client_key import ClientKey
from segment_gevent.delivery.oauth import TokenSource
from segment_gevent.delivery.token_request import token_url
from segment_gevent.delivery.transport import HttpTransport
from segment_gevent.options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

TOKEN_REFUSED = frozenset({400, 401, 403, 511})
"""Answers after which Segment's own libraries get a new token."""


class Authorization(Protocol):
    """Makes the Authorization header of each request."""

    def header(self) -> str:
        """Its value; may switch.

        Raises:
            DeliveryError: there is none to be had.
        """

    def refused(self, header: str, status: int | None) -> bool:
        """The server answered `header` with `status`; whether the same request may fare better with a new one."""

    def close(self) -> None:
        """Let go of connections."""

    def abandon(self) -> None:
        """In a forked child: leave them to the parent."""


class Basic:
    """The write key as a user without a password."""

    def __init__(self, write_key: str) -> None:
        self._header = f"Basic {base64.b64encode(f'{write_key}:'.encode()).decode()}"

    def header(self) -> str:
        return self._header

    def refused(self, header: str, status: int | None) -> bool:  # noqa: ARG002
        return False

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class Bearer:
    """An access token, which is replaced where the server refuses it."""

    def __init__(self, options: Options, key: ClientKey) -> None:
        self._transport = HttpTransport(
            token_url(options.oauth_auth_server),
            timeout=options.timeout,
            proxies=options.proxies,
            verify=options.verify,
        )
        self._source = TokenSource(
            client_id=options.oauth_client_id,
            client_key=key,
            key_id=options.oauth_key_id,
            auth_server=options.oauth_auth_server,
            scope=options.oauth_scope,
            post=self._post,
            pause=_pause,
        )

    def header(self) -> str:
        return f"Bearer {self._source.token()}"

    def refused(self, header: str, status: int | None) -> bool:
        if status not in TOKEN_REFUSED:
            return False
        self._source.forget(header.removeprefix("Bearer "))  # several flights may have carried it, and one was first
        return status != 400  # that one is about the batch, more likely

    def close(self) -> None:
        self._transport.close()

    def abandon(self) -> None:
        self._transport.abandon()

    def _post(self, url: str, form: bytes, headers: Mapping[str, str]) -> requests.Response:  # noqa: ARG002
        return self._transport.send(form, headers)


def _pause(seconds: float) -> None:
    """Wait; in a background greenlet by a timer that does not keep `hub.join()` from returning."""
    lifecycle.rest(seconds, Event(), ref=not lifecycle.runs_under_a_hub())
