"""The demo's shop as a WSGI application: what each of its requests does, and tells Segment of it.

It stands under `SegmentMiddleware`, which binds what a request tells of itself; whose request it is, it binds itself.
The events and their properties are those of Segment's specification of ecommerce:
https://segment.com/docs/connections/spec/ecommerce/v2/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import segment_gevent as segment
from segment_gevent.cli.demo import window
from segment_gevent.cli.demo.gauges import CallGauge
from segment_gevent.cli.demo.goods import CATEGORIES, CURRENCY, GOODS, found, of_category, price
from segment_gevent.cli.demo.session import Session, Sessions, user_id

_FORM_LIMIT = 10_000
_LONGEST_NUMBER = 6


class Refused(Exception):  # noqa: N818  # an answer, as a shop's ordinary day has them
    """A request that asks for nothing the shop has; the text is the answer's status line."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler needs to know: `rest` is what follows in the path, `form` the query or the form that was sent."""

    session: Session
    rest: str
    form: Mapping[str, str]


class Shop:
    """The application. Each call that it makes is timed by `calls`."""

    def __init__(self, calls: CallGauge) -> None:
        self._sessions = Sessions()
        self._orders = 10_000
        self._identify = calls.timed(segment.identify)
        self._track = calls.timed(segment.track)
        self._page = calls.timed(segment.page)
        self._group = calls.timed(segment.group)
        self._alias = calls.timed(segment.alias)
        self._handlers: dict[tuple[str, str], Callable[[Request], str]] = {
            ("GET", ""): self._home,
            ("GET", "category"): self._category,
            ("GET", "search"): self._search,
            ("GET", "product"): self._product,
            ("GET", "cart"): self._cart,
            ("POST", "cart"): self._change_cart,
            ("POST", "signup"): self._sign_up,
            ("POST", "signin"): self._sign_in,
            ("POST", "checkout"): self._check_out,
            ("POST", "order"): self._order,
        }

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        session, is_new = self._sessions.of(environ)
        segment.bind_user(session.user_id or None, session.id)
        try:
            answer = self._answer(environ, session)
        except Refused as refused:
            start_response(str(refused), [("Content-Length", "0")])
            return []
        headers = [("Set-Cookie", session.cookie)] if is_new else []
        if environ["REQUEST_METHOD"] == "POST":
            start_response("303 See Other", [*headers, ("Location", answer), ("Content-Length", "0")])
            return []
        body = answer.encode()
        length = str(len(body))
        start_response("200 OK", [*headers, ("Content-Type", "text/html; charset=utf-8"), ("Content-Length", length)])
        return [body]

    def _answer(self, environ: dict[str, Any], session: Session) -> str:
        """The page, or where a form leads to."""
        method = environ["REQUEST_METHOD"]
        first, _, rest = environ["PATH_INFO"].lstrip("/").partition("/")
        handler = self._handlers.get((method, first))
        if handler is None:
            raise Refused("404 Not Found")
        return handler(Request(session, rest, dict(parse_qsl(_sent(environ, method)))))

    def _home(self, request: Request) -> str:
        self._page(name="Home")
        return window.home(request.session)

    def _category(self, request: Request) -> str:
        name = request.rest.title()
        if name not in CATEGORIES:
            raise Refused("404 Not Found")
        products = [product.properties(position=place) for place, product in enumerate(of_category(name), 1)]
        self._page(category="Shop", name=name)
        self._track(event="Product List Viewed", properties={"category": name, "products": products})
        return window.listing(name, of_category(name))

    def _search(self, request: Request) -> str:
        query = request.form.get("q", "")
        results = found(query)
        self._page(category="Shop", name="Search")
        self._track(event="Products Searched", properties={"query": query, "results": len(results)})
        return window.listing(f"Search for {query}", results)

    def _product(self, request: Request) -> str:
        product = GOODS.get(request.rest)
        if product is None:
            raise Refused("404 Not Found")
        self._page(category="Shop", name="Product", properties={"sku": product.sku})
        self._track(event="Product Viewed", properties=product.properties())
        return window.product(product)

    def _cart(self, request: Request) -> str:
        self._page(category="Checkout", name="Cart")
        self._track(event="Cart Viewed", properties={"cart_id": request.session.id, "products": _lines(request)})
        return window.cart(request.session)

    def _change_cart(self, request: Request) -> str:
        """Some more of a product, or, with quantity 0, none of it."""
        cart, product = request.session.cart, GOODS.get(request.form.get("sku", ""))
        quantity = request.form.get("quantity", "1")
        if product is None or not _is_number(quantity):
            raise Refused("400 Bad Request")
        if int(quantity):
            cart[product.sku] = cart.get(product.sku, 0) + int(quantity)
            event, changed = "Product Added", int(quantity)
        else:
            event, changed = "Product Removed", cart.pop(product.sku, 0)
        self._track(event=event, properties=product.properties(cart_id=request.session.id, quantity=changed))
        return "/cart"

    def _sign_up(self, request: Request) -> str:
        """A visitor becomes known: what they did before is theirs, what they are is said, and whom they work for."""
        session, form = request.session, request.form
        self._known(session, form)
        plan = "business" if form.get("company") else "free"
        self._alias(session.id, session.user_id)
        self._identify(traits={**_named(form), "plan": plan})
        self._track(event="Signed Up", properties={"method": "email", "plan": plan})
        if form.get("company"):
            employees = int(form["employees"]) if _is_number(form.get("employees", "")) else None
            traits = {"name": form["company"], "industry": form.get("industry"), "employees": employees, "plan": plan}
            self._group(group_id=user_id(form["company"]).replace("c-", "company-"), traits=traits)
        return "/cart"

    def _sign_in(self, request: Request) -> str:
        self._known(request.session, request.form)
        self._identify(traits=_named(request.form))
        self._track(event="Signed In", properties={"method": "email"})
        return "/cart"

    def _known(self, session: Session, form: Mapping[str, str]) -> None:
        if "@" not in form.get("email", ""):
            raise Refused("400 Bad Request")
        session.user_id = user_id(form["email"])
        segment.bind_user(session.user_id)

    def _check_out(self, request: Request) -> str:
        if not request.session.cart:
            raise Refused("409 Conflict")
        self._orders += 1
        request.session.order_id = str(self._orders)
        request.session.coupon = request.form.get("coupon", "")
        self._track(event="Checkout Started", properties=_order(request))
        return "/cart"

    def _order(self, request: Request) -> str:
        if not request.session.order_id:
            raise Refused("409 Conflict")
        self._track(event="Order Completed", properties=_order(request))
        request.session.cart.clear()
        request.session.order_id = request.session.coupon = ""
        return "/"


def _sent(environ: Mapping[str, Any], method: str) -> str:
    if method != "POST":
        return str(environ.get("QUERY_STRING", ""))
    length = environ.get("CONTENT_LENGTH") or "0"
    return bytes(environ["wsgi.input"].read(min(int(length), _FORM_LIMIT))).decode(errors="replace")


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= _LONGEST_NUMBER


def _named(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form[name] for name in ("email", "name") if name in form}


def _lines(request: Request) -> list[dict[str, object]]:
    """The cart, as events carry it."""
    items = enumerate(request.session.cart.items(), 1)
    return [GOODS[sku].properties(quantity=quantity, position=place) for place, (sku, quantity) in items]


def _order(request: Request) -> dict[str, object]:
    """What a checkout and the order that comes of it have in common."""
    coupon = request.session.coupon
    cost = price(request.session.cart, coupon)
    properties: dict[str, object] = {
        "order_id": request.session.order_id,
        "affiliation": "Web shop",
        "subtotal": cost.subtotal,
        "discount": cost.discount,
        "revenue": cost.revenue,
        "shipping": cost.shipping,
        "total": cost.total,
        "currency": CURRENCY,
        "products": _lines(request),
    }
    return {**properties, "coupon": coupon} if coupon else properties
