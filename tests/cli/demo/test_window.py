"""The shop's pages lead a person with a browser through all of it, and show what was typed as text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from servers.shop import Customer

from segment_gevent.testing import SegmentEvents


class Page(HTMLParser):
    """The links of a page, and its forms: where each leads, how, and the values that it sends by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: dict[str, tuple[str, dict[str, str]]] = {}
        self._action = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag == "a":
            self.links.append(values["href"])
        elif tag == "form":
            self._action = values["action"]
            self.forms[self._action] = (values.get("method", "get"), {})
        elif tag == "input" and "value" in values:
            self.forms[self._action][1][values["name"]] = values["value"]


@pytest.fixture
def olga() -> Customer:
    return Customer()


def test_all_links_lead_somewhere(segment_events: SegmentEvents, olga: Customer) -> None:
    """From the first page on one comes to every product, and to the cart."""
    seen, to_see = set(), ["/"]
    while to_see:
        path = to_see.pop()
        seen.add(path)
        assert olga.get(path) == "200 OK"
        to_see += set(Page(olga.body).links) - seen - set(to_see)
    assert len([path for path in seen if path.startswith("/product/")]) == 12
    assert "/cart" in seen


def test_forms_lead_from_a_product_to_an_order(segment_events: SegmentEvents, olga: Customer) -> None:
    """By what each page offers, and where each form leads to."""
    path = "/product/KET-01"
    for action, typed in (
        ("/cart", {}),
        ("/signup", {"name": "Olga", "email": "olga@example.org"}),
        ("/checkout", {"coupon": "WELCOME10"}),
        ("/order", {}),
    ):
        assert olga.get(path) == "200 OK"
        method, values = Page(olga.body).forms[action]
        assert method == "post"
        assert olga.post(action, **{**values, **typed}) == "303 See Other"
        path = olga.location
    assert olga.get(path) == "200 OK"
    assert "You are customer c-" in olga.body
    events = [message["event"] for message in segment_events.tracked()]
    assert events == [
        "Product Viewed",
        "Product Added",
        "Cart Viewed",
        "Signed Up",
        "Cart Viewed",
        "Checkout Started",
        "Cart Viewed",
        "Order Completed",
    ]
    assert segment_events.tracked("Order Completed", properties__subtotal=49.0, properties__coupon="WELCOME10")


def test_a_line_can_be_removed(segment_events: SegmentEvents, olga: Customer) -> None:
    """And the cart says that it is empty."""
    olga.post("/cart", sku="MUG-01")
    olga.get("/cart")
    _, values = Page(olga.body).forms["/cart"]
    olga.post("/cart", **values)
    olga.get(olga.location)
    assert "There is nothing in it." in olga.body


def test_what_was_typed_is_text(segment_events: SegmentEvents, olga: Customer) -> None:
    """A search for a script runs none."""
    olga.get("/search?q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script" not in olga.body
    assert "&lt;script&gt;" in olga.body
