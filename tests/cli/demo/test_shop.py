"""The demo's shop: what each request tells Segment, and of whom."""

import pytest
from servers.shop import Customer

from segment_gevent.testing import SegmentEvents

SIGN_UP = {"name": "Ilya Berg", "email": "ilya@example.org"}


@pytest.fixture
def ilya() -> Customer:
    return Customer()


def test_a_visitor_is_known_again_by_the_cookie(segment_events: SegmentEvents, ilya: Customer) -> None:
    """One cookie, given once, whose value is the anonymous id of all that they do."""
    for path in ("/", "/product/KET-01", "/cart"):
        assert ilya.get(path) == "200 OK"
    (cookie,) = ilya.cookies
    name, _, value = cookie.partition(";")[0].partition("=")
    assert name == "ajs_anonymous_id"
    assert {message["anonymousId"] for message in segment_events} == {value}
    assert not any("userId" in message for message in segment_events)


def test_a_foreign_cookie_begins_a_new_visit(segment_events: SegmentEvents, ilya: Customer) -> None:
    """Whoever makes one up gets none of another's cart, and a broken header is no error."""
    for cookie in ("ajs_anonymous_id=made-up", "ajs_anonymous_id", '"; a=\x00'):
        ilya.headers["HTTP_COOKIE"] = cookie
        assert ilya.get("/") == "200 OK"
    assert len(ilya.cookies) == 3
    assert "made-up" not in {message["anonymousId"] for message in segment_events}


def test_each_call_has_what_its_request_told(segment_events: SegmentEvents, ilya: Customer) -> None:
    """Address, browser, language, campaign and page, by the middleware."""
    ilya.headers["HTTP_ACCEPT_LANGUAGE"] = "sv-SE,sv;q=0.8"
    ilya.get("/?utm_source=newsletter&utm_campaign=autumn-roasts")
    context = segment_events.paged("Home")[0]["context"]
    assert context["ip"] == "192.0.2.17"
    assert (context["userAgent"], context["locale"]) == ("A Browser", "sv-SE")
    assert context["campaign"] == {"source": "newsletter", "name": "autumn-roasts"}
    assert context["page"]["path"] == "/"


def test_at_the_sign_up_a_visitor_becomes_known(segment_events: SegmentEvents, ilya: Customer) -> None:
    """What they did before is tied to the new id by alias and identify; later calls carry both ids."""
    ilya.get("/")
    assert ilya.post("/signup", **SIGN_UP) == "303 See Other"
    ilya.get("/cart")
    before, alias, identify, signed_up, *later = segment_events
    assert "userId" not in before
    assert (alias["type"], alias["previousId"]) == ("alias", before["anonymousId"])
    known = alias["userId"]
    assert known.startswith("c-")
    assert identify["traits"] == {**SIGN_UP, "plan": "free"}
    assert (signed_up["event"], signed_up["properties"]) == ("Signed Up", {"method": "email", "plan": "free"})
    for message in (identify, signed_up, *later):
        assert (message["userId"], message["anonymousId"]) == (known, before["anonymousId"])
    assert not segment_events.grouped()


def test_a_company_has_a_group_and_a_plan(segment_events: SegmentEvents, ilya: Customer) -> None:
    """Two of its people are in the same group."""
    company = {"company": "Fjord Analytics", "industry": "Software", "employees": "120"}
    ilya.post("/signup", **SIGN_UP, **company)
    Customer(18, ilya.shop).post("/signup", name="Olga", email="olga@example.org", **company)
    assert segment_events.identified(traits__plan="business")
    first, second = segment_events.grouped()
    assert first["traits"] == {"name": "Fjord Analytics", "industry": "Software", "employees": 120, "plan": "business"}
    assert first["groupId"] == second["groupId"]
    assert first["userId"] != second["userId"]


def test_who_signs_in_is_who_they_were(segment_events: SegmentEvents, ilya: Customer) -> None:
    """On another device: the same user, another anonymous id, and no alias."""
    ilya.post("/signup", **SIGN_UP)
    Customer(18, ilya.shop).post("/signin", **SIGN_UP)
    first, second = segment_events.identified()
    assert first["userId"] == second["userId"]
    assert first["anonymousId"] != second["anonymousId"]
    assert segment_events.tracked("Signed In", user_id=first["userId"])
    assert len(segment_events.aliased()) == 1


def test_an_order_adds_up(segment_events: SegmentEvents, ilya: Customer) -> None:
    """The products that were added and not removed, their sum, the coupon's discount; and the cart is empty then."""
    ilya.post("/cart", sku="KET-01", quantity="1")
    ilya.post("/cart", sku="FIL-01", quantity="2")
    ilya.post("/cart", sku="FIL-01", quantity="1")
    ilya.post("/cart", sku="MUG-01", quantity="1")
    ilya.post("/cart", sku="MUG-01", quantity="0")
    assert segment_events.tracked("Product Removed", properties__sku="MUG-01", properties__quantity=1)
    ilya.post("/checkout", coupon="WELCOME10")
    ilya.post("/order")
    (started,), (completed,) = segment_events.tracked("Checkout Started"), segment_events.tracked("Order Completed")
    assert started["properties"] == completed["properties"]
    order = completed["properties"]
    products = [(line["sku"], line["quantity"], line["price"], line["position"]) for line in order["products"]]
    assert products == [("KET-01", 1, 49.0, 1), ("FIL-01", 3, 3.9, 2)]
    money = ("subtotal", "discount", "revenue", "shipping", "total", "currency", "coupon")
    assert [order[name] for name in money] == [60.7, 6.07, 54.63, 0.0, 54.63, "EUR", "WELCOME10"]
    ilya.post("/cart", sku="KET-01")
    ilya.post("/checkout")
    assert "coupon" not in segment_events.tracked("Checkout Started")[1]["properties"]
    ilya.post("/order")
    assert ilya.post("/checkout") == "409 Conflict"
    assert ilya.post("/order") == "409 Conflict"


def test_a_small_order_pays_for_shipping(segment_events: SegmentEvents, ilya: Customer) -> None:
    """Which is in the total, and not in the revenue."""
    ilya.post("/cart", sku="CUP-01", quantity="2")
    ilya.post("/checkout")
    (started,) = segment_events.tracked("Checkout Started")
    assert (started["properties"]["revenue"], started["properties"]["total"]) == (23.0, 27.9)
    assert "coupon" not in started["properties"]


def test_what_is_listed_and_found(segment_events: SegmentEvents, ilya: Customer) -> None:
    """The products of a category with their places; how many a search found."""
    ilya.get("/category/cups")
    ilya.get("/search?q=Grinder")
    (listed,) = segment_events.tracked("Product List Viewed", properties__category="Cups")
    assert [line["position"] for line in listed["properties"]["products"]] == [1, 2]
    assert segment_events.tracked("Products Searched", properties={"query": "Grinder", "results": 2})


@pytest.mark.parametrize(
    ("method", "path", "form", "status"),
    [
        ("GET", "/product/NONE", None, "404 Not Found"),
        ("GET", "/category/tea", None, "404 Not Found"),
        ("GET", "/nowhere", None, "404 Not Found"),
        ("POST", "/product/KET-01", {}, "404 Not Found"),
        ("POST", "/cart", {"sku": "NONE"}, "400 Bad Request"),
        ("POST", "/cart", {"sku": "KET-01", "quantity": "-1"}, "400 Bad Request"),
        ("POST", "/cart", {"sku": "KET-01", "quantity": "9" * 5000}, "400 Bad Request"),
        ("POST", "/signup", {"email": "nobody"}, "400 Bad Request"),
    ],
)
def test_what_the_shop_has_not_is_no_event(
    segment_events: SegmentEvents, ilya: Customer, method: str, path: str, form: dict[str, str] | None, status: str
) -> None:
    """It is refused, with the status that says why."""
    assert (ilya.get(path) if form is None else ilya.post(path, **form)) == status
    assert len(segment_events) == 0
