"""The demo's shop in the process of the test, and somebody who visits it."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlsplit

from servers.wsgi import request

from segment_gevent.cli.demo.gauges import CallGauge
from segment_gevent.cli.demo.journey import Step
from segment_gevent.cli.demo.shop import Shop
from segment_gevent.contrib.wsgi import SegmentMiddleware


class Customer:
    """A browser for one visitor: it keeps the cookie. Several visit the same `shop` if they are given it.

    Attributes:
        body, location: of the last answer: the page, or where it leads to.
    """

    def __init__(self, number: int = 17, shop: SegmentMiddleware | None = None) -> None:
        self.shop = shop or SegmentMiddleware(Shop(CallGauge()), trusted_proxies=1)
        self.headers: dict[str, str] = {"HTTP_X_FORWARDED_FOR": f"192.0.2.{number}", "HTTP_USER_AGENT": "A Browser"}
        self.cookies: list[str] = []
        self.body = self.location = ""

    def take(self, step: Step) -> str:
        """The status of the answer to the step."""
        parts = urlsplit(step.path)
        body = step.body or b""
        sent = {"REQUEST_METHOD": step.method, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
        answered: list[Any] = []
        environ = request(parts.path, parts.query, **self.headers, **sent)
        self.body = b"".join(self.shop(environ, lambda *answer: answered.extend(answer))).decode()
        status, headers = answered
        self.location = dict(headers).get("Location", "")
        if cookie := dict(headers).get("Set-Cookie"):
            self.cookies.append(cookie)
            self.headers["HTTP_COOKIE"] = cookie.partition(";")[0]
        return str(status)

    def get(self, path: str) -> str:
        return self.take(Step(path, None, 0))

    def post(self, path: str, **form: str) -> str:
        return self.take(Step(path, form, 0))
