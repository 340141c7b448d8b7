"""Where a dry run sends to: a transport that takes everything, so that all else is as in a real import."""

from __future__ import annotations

from collections.abc import Mapping

import requests

from segment_gevent.testing import response


class Nowhere:
    """Answers 200, and keeps nothing."""

    def send(self, _body: bytes, _headers: Mapping[str, str]) -> requests.Response:
        return response(200)

    def close(self) -> None:
        """Nothing is open."""
