"""Authorization by an access token: OAuth's part in a request. Imported only where a client has a key for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gevent.event import Event

from segment_gevent.delivery import lifecycle
from segment_gevent.delivery.oauth.client_key import ClientKey
from segment_gevent.delivery.oauth.token_request import token_url
from segment_gevent.delivery.oauth.token_source import TokenSource
from segment_gevent.delivery.transport import http_transport
from segment_gevent.options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

TOKEN_REFUSED = frozenset({400, 401, 403, 511})
"""Answers after which Segment's own libraries get a new token."""


class Bearer:
    """An access token, which is replaced where the server refuses it."""

    def __init__(self, options: Options, key: ClientKey) -> None:
        self._transport = http_transport(token_url(options.oauth_auth_server), options)
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
